"""YARN applications that the processes of kernels start themselves, such as Spark's."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.client.client import Client
from yarnhub.client.usage import resource_usage
from yarnhub.kernels.staging import delete_staging
from yarnhub.sessions.limits import NOTHING, Size
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.yarn.records.applications import ApplicationReport

_log = logging.getLogger(__name__)

_ASK = 30.0
"""Seconds for YARN to list or to kill applications."""
_POLL = 0.1
_AT_ONCE = 20
"""Applications of one user that a sweep ends; the next one ends others."""
_NOT_ENDED = tuple(each for each in YarnApplicationState if not each.ended)


class Companions:
    """Finds them by their tags, and ends them with their kernels.

    YARN lets users give their applications any tag, so an application belongs to a kernel only if
    it has the kernel's tag and its user; it is ended as that user.

    Args:
        settings: The cluster's configuration, and the login that acts for the users.
        common: A tag of all of them.

    Attributes:
        used: What those of each kernel used when `sweep` has last seen them, by the kernel's id.
        known: Whether `sweep` has seen them.
    """

    def __init__(self, settings: Settings, common: str) -> None:
        self._settings = settings
        self._common = common
        self.used: Mapping[str, Size] = {}
        self.known = False
        self._is_hidden = False
        """Whether YARN does not show what some of them use."""

    def tags(self, kernel_id: str) -> tuple[str, str]:
        """The tags of one kernel's."""
        return self._common, f"kernel-{kernel_id}"

    async def end(self, kernel_id: str, user: str) -> tuple[str, ...]:
        """Kill those of a kernel, and delete their files; returns the ids of the applications.

        Cancelling leaves some running.

        Args:
            kernel_id: The kernel.
            user: The cluster's name of its user.

        Raises:
            DeadlineExceededError: YARN does not respond.
            YarnhubError: It refuses.
        """
        _, tag = self.tags(kernel_id)
        words = f"YARN has not ended the applications of kernel {kernel_id} within {_ASK:g} s"
        async with Deadline(_ASK, words), Client(self._settings.acting_for(user)) as client:
            found = [each for each in await _running(client, tag) if each.user == user]
            for each in found:  # they have no uploads of ours, which `Client.kill` would delete
                while not await client.resource_manager.force_kill_application(each.application_id):
                    await asyncio.sleep(_POLL)
        ended = tuple(str(each.application_id) for each in found)
        if ended:
            await delete_staging(self._settings.acting_for(user), ended)
        return ended

    async def sweep(
        self, users: Callable[[], Mapping[str, str]], spared: Collection[str] = ()
    ) -> bool:
        """Kill those whose kernels have ended, for example while nobody held them.

        Errors are logged: the next sweep tries again. Cancelling leaves some running.

        Args:
            users: Returns the ids of the kernels that may be alive, with the cluster's names of
                their users; called when YARN has listed the applications, so that those of a kernel
                that has just started are not taken for what another one has left.
            spared: Users whose applications are not ended.

        Returns:
            Whether there were none.
        """
        try:
            async with Deadline(_ASK, "YARN does not respond"), Client(self._settings) as client:
                found = await _running(client, self._common)
        except YarnhubError as error:
            _log.warning("applications of kernels that have ended may still run: %s", error)
            return False
        alive = {(self.tags(kernel_id)[1], user): kernel_id for kernel_id, user in users().items()}
        left: dict[str, list[ApplicationReport]] = {}
        used: dict[str, Size] = {}
        for each in found:
            tags = {(tag, each.user) for tag in each.application_tags} & alive.keys()
            if tags:  # of several kernels, it counts for one
                kernel_id = min(alive[tag] for tag in tags)
                used[kernel_id] = used.get(kernel_id, NOTHING) + _size(each)
            elif each.user not in spared:
                left.setdefault(each.user, []).append(each)
        self.used, self.known = used, True
        self._tell_hidden(found)
        # Anybody may have such a tag: what cannot be killed does not protect what others have.
        async with task_group() as group:
            for user, reports in left.items():
                group.create_task(self._kill(user, reports[:_AT_ONCE]), name="end applications")
        return not left

    def _tell_hidden(self, found: Sequence[ApplicationReport]) -> None:
        before = self._is_hidden
        self._is_hidden = any(each.app_resource_usage.num_used_containers < 0 for each in found)
        if self._is_hidden and not before:
            _log.warning(
                "what some Spark sessions use does not count for limits: YARN does not show it to "
                "%s, who is not in their spark.ui.view.acls",
                self._settings.user_name,
            )

    async def _kill(self, user: str, reports: Sequence[ApplicationReport]) -> None:
        words = f"YARN has not ended applications of {user} within {_ASK:g} s"
        settings = self._settings.acting_for(user)
        try:
            async with Deadline(_ASK, words), Client(settings) as client:
                for each in reports:
                    _log.info("%s of %s is ended: its kernel has", each.application_id, user)
                    await client.resource_manager.force_kill_application(each.application_id)
            await delete_staging(settings, (str(each.application_id) for each in reports))
        except YarnhubError as error:
            _log.warning("applications of %s may still run: %s", user, error)


def _size(report: ApplicationReport) -> Size:
    used = resource_usage(report).used_resources
    memory, vcores = used.memory or 0, used.virtual_cores or 0
    return Size(memory=memory * 2**20, vcores=vcores, count=0)


async def _running(client: Client, tag: str) -> Sequence[ApplicationReport]:
    asked = GetApplicationsRequest(application_tags=(tag,), application_states=_NOT_ENDED)
    return await client.resource_manager.get_applications(asked)

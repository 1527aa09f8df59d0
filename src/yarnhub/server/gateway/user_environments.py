"""The environments in HDFS that each user can read, looked up as that user and kept for a while."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.environments.published.user_store import user_store
from yarnhub.server.gateway.environment_kernelspecs import owner_part, owner_part_and_name

if TYPE_CHECKING:
    from yarnhub.base.background import BackgroundTasks
    from yarnhub.client.access.settings import Settings
    from yarnhub.environments.published.environment import PublishedEnvironment, Survey
    from yarnhub.environments.published.store import EnvironmentStore

    Environments = tuple[PublishedEnvironment, ...]

_log = logging.getLogger(__name__)
_RECORD = 1000
"""Bytes of what is kept of an environment in addition to its manifest."""


class LookUp(Protocol):
    """Looks up environments as a user of the cluster."""

    async def survey(self, user: str) -> Survey:
        """What a user can read.

        Raises:
            YarnhubError: It cannot be read.
        """
        ...

    async def find(self, user: str, kernelspec: str) -> PublishedEnvironment | None:
        """The environment of a kernelspec; None if it does not exist, or the user cannot read it.

        Raises:
            YarnhubError: It cannot be read.
        """
        ...


class LookUpInHdfs:
    """Looks up environments in HDFS; see `LookUp`.

    Args:
        settings: The cluster, and this process's login: it acts for the users.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def survey(self, user: str) -> Survey:
        """What a user can read."""
        async with user_store(self._settings.acting_for(user)) as store:
            return await store.survey(slim=True)

    async def find(self, user: str, kernelspec: str) -> PublishedEnvironment | None:
        """The environment of a kernelspec."""
        async with user_store(self._settings.acting_for(user)) as store:
            return await find_in(store, kernelspec)


async def find_in(store: EnvironmentStore, kernelspec: str) -> PublishedEnvironment | None:
    """The environment of a kernelspec, without reading other owners' folders."""
    part, name = owner_part_and_name(kernelspec)
    return await store.find_current(lambda owner: owner_part(owner) == part, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What look-ups may take.

    Attributes:
        fresh: Seconds for which an answer is used: servers list kernelspecs when a page is opened,
            and then each minute.
        wait: Seconds from the begin of a look-up that a list of kernelspecs waits for it. After
            that, the last known answer is used, and the look-up continues.
        deadline: Seconds for a look-up.
        at_once: Look-ups for lists at the same time, and look-ups for starts.
        users: Users whose answers are kept: those who were seen last.
        size: Bytes of all answers that are kept, as JSON; the last one is kept whatever its size.
    """

    fresh: float = 5.0
    wait: float = 2.0
    deadline: float = 20.0
    at_once: int = 8
    users: int = 2000
    size: int = 64 << 20


@dataclass(slots=True)
class _Known:
    """What is known of one user's environments."""

    environments: Environments = ()
    size: int = 0
    looked_up: float = float("-inf")
    """When the last look-up began, whether it has succeeded or not."""
    failed: bool = False
    incomplete: bool = False
    run: asyncio.Task[None] | None = None


class UserEnvironments:
    """The environments that users can read.

    Lists that want those of one user at the same time share a look-up. Cancelling one of them
    leaves the look-up running, for at most its deadline.

    Args:
        look_up: Looks up environments as a user of the cluster.
        tasks: Owns the look-ups for lists.
        budget: What they may take.
    """

    def __init__(self, look_up: LookUp, tasks: BackgroundTasks, budget: Budget = Budget()) -> None:
        self._look_up = look_up
        self._tasks = tasks
        self._budget = budget
        self._lists = asyncio.Semaphore(budget.at_once)
        # Not the same: a start does not wait for lists.
        self._starts = asyncio.Semaphore(budget.at_once)
        self._users: OrderedDict[str, _Known] = OrderedDict()

    @property
    def failed(self) -> int:
        """The number of users whose environments could not be read at the last attempt."""
        return sum(known.failed for known in self._users.values())

    async def known(self, user: str) -> Environments:
        """The user's environments as last read; waits a moment for a look-up if that is long ago.

        Their manifests have no packages but those of kernels, and no problems. If they cannot be
        read, this is logged, and those of the last look-up are returned.
        """
        known = self._of(user)
        now = asyncio.get_running_loop().time()
        if known.run is None and now - known.looked_up < self._budget.fresh:
            return known.environments
        run = self._running(user, known)
        await asyncio.wait([run], timeout=max(0, known.looked_up + self._budget.wait - now))
        return known.environments

    async def find(self, user: str, kernelspec: str) -> PublishedEnvironment | None:
        """The environment of a kernelspec as it is; None if the user has no such kernelspec.

        Cancelling leaves nothing behind.

        Raises:
            YarnhubError: It cannot be read.
        """
        seconds = self._budget.deadline
        late = f"the environment of {kernelspec} was not read within {seconds:g} s"
        async with Deadline(seconds, late), self._starts:
            found = await self._look_up.find(user, kernelspec)
        return found if found is not None and found.manifest.has_kernel else None

    def _of(self, user: str) -> _Known:
        known = self._users.setdefault(user, _Known())
        self._users.move_to_end(user)
        self._forget()
        return known

    def _forget(self) -> None:
        """Forget those who were seen first until the rest is within the budget."""
        size = sum(known.size for known in self._users.values())
        while len(self._users) > max(1, self._budget.users) or (
            size > self._budget.size and len(self._users) > 1
        ):
            _, known = self._users.popitem(last=False)
            size -= known.size

    def _running(self, user: str, known: _Known) -> asyncio.Task[None]:
        """The look-up that runs, or a new one."""
        if known.run is None:
            known.looked_up = asyncio.get_running_loop().time()
            run = self._tasks.start(self._run(user, known), f"environments of {user}")
            known.run = run
            run.add_done_callback(lambda _: self._ended(known))
        return known.run

    @staticmethod
    def _ended(known: _Known) -> None:
        known.run = None

    async def _run(self, user: str, known: _Known) -> None:
        seconds = self._budget.deadline
        late = f"the environments of {user} were not read within {seconds:g} s"
        try:
            async with Deadline(seconds, late), self._lists:
                survey = await self._look_up.survey(user)
        except YarnhubError as error:
            # Once: they are looked up again and again.
            level = logging.DEBUG if known.failed else logging.WARNING
            _log.log(level, "the environments of %s cannot be read: %s", user, error)
            known.failed = True
            return
        known.failed = False
        known.environments = tuple(each.without_packages() for each in survey.environments)
        known.size = sum(_RECORD + len(each.manifest.dump()) for each in known.environments)
        if survey.unread:
            level = logging.DEBUG if known.incomplete else logging.WARNING
            unread = ", ".join(f"{count} of {owner}" for owner, count in survey.unread.items())
            _log.log(level, "some environments that %s can use were not read: %s", user, unread)
        known.incomplete = bool(survey.unread)
        self._forget()

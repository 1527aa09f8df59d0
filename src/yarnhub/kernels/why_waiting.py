"""Why the applications that kernels have started get no containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import LocalProtocolError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.base.single_flight import SingleFlight
from yarnhub.client.client import Client
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.client.explain.lookup import look_up_cluster
from yarnhub.client.explain.pending import why_pending
from yarnhub.client.explain.reasons import ContainersStarting, PendingRequest
from yarnhub.client.explain.words import sentence
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.facts import ClusterFacts
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.yarn.records.applications import ApplicationReport

_FRESH = 5.0
"""Seconds for which YARN's answer on queues and nodes is used, for all kernels."""
_DEADLINE = 10.0
_MOST = 2**31 - 1
"""Of an amount, as YARN counts."""
_MAX_ID = 40
"""Characters of an application's id: its two numbers have 13 and some more digits."""
_SERVICE = "executors"
_HOLDING = (YarnApplicationState.ACCEPTED, YarnApplicationState.RUNNING)
_SHOWN = 2
"""Reasons that are shown: the most important ones."""


class WhyWaiting:
    """Finds out what the executors of kernels wait for.

    Args:
        settings: The cluster's configuration, and the login that acts for the users.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster = SingleFlight(self._look_up, fresh=_FRESH)

    async def why_none(
        self, user: str, tag: str, application: str, *, memory: int, vcores: int
    ) -> str:
        """Why an application gets no more containers, in a sentence or two.

        Cancelling leaves nothing behind.

        Args:
            user: The cluster's name of its user.
            tag: The tag that it must have.
            application: Its id.
            memory: Of such a container, in MiB.
            vcores: Of such a container.

        Raises:
            LocalProtocolError: These are not an application's id and the resources of a container,
                or the application is another user's or another kernel's.
            DeadlineExceededError: YARN does not respond.
        """
        amounts = {MEMORY: memory, VCORES: vcores}
        if not all(0 < amount <= _MOST for amount in amounts.values()):
            raise LocalProtocolError(f"{memory} MiB and {vcores} vcores are not a container's")
        number = _parsed(application)
        words = f"YARN has not responded within {_DEADLINE:g} s"
        async with Deadline(_DEADLINE, words), Client(self._settings.acting_for(user)) as client:
            report = await client.application_report(number)
            if report.user != user or tag not in report.application_tags:
                raise LocalProtocolError(f"{number} does not belong to this kernel")
            holding = GetApplicationsRequest(application_states=_HOLDING, queues=(report.queue,))
            neighbours = await client.resource_manager.get_applications(holding)
            cluster = await self._cluster.get()
        facts = ApplicationFacts(report=report, neighbours=tuple(neighbours))
        reasons = _reasons(report, amounts, cluster.of(facts))
        return clean_and_cut(" ".join(sentence(each) for each in reasons[:_SHOWN]), lines=False)

    async def _look_up(self) -> ClusterFacts:
        async with Client(self._settings) as client:
            return await look_up_cluster(client.resource_manager, self._settings, figures=True)


def _parsed(text: str) -> ApplicationId:
    try:
        number = ApplicationId.parse(text[:_MAX_ID])
    except ValueError as error:
        raise LocalProtocolError("this is not the id of an application") from error
    if number.id > _MOST:
        raise LocalProtocolError("this is not the id of an application")
    return number


def _reasons(
    report: ApplicationReport, amounts: Mapping[str, int], facts: ApplicationFacts
) -> list[Reason]:
    starting = report.app_resource_usage.num_used_containers
    if starting > 0:
        return [ContainersStarting(_SERVICE, starting)]
    return why_pending(PendingRequest(_SERVICE, 1, amounts), facts)

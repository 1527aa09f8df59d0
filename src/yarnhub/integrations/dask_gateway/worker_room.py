"""Whether the cluster has room for a Dask cluster's new workers, told to who asks for them.

What waits for YARN is no failure, so that dask-gateway has nothing to tell. Workers that are larger
than any node would wait for ever.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.base.single_flight import SingleFlight
from yarnhub.client.client import Client
from yarnhub.client.explain.explanation import why_no_more
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.client.explain.lookup import look_up_cluster
from yarnhub.client.explain.reasons import LargerThanAnyNode
from yarnhub.client.explain.words import sentence
from yarnhub.integrations.dask_gateway.specification import WORKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.facts import ClusterFacts
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.unmanaged import UnmanagedApplication
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

# Any, in this module: dask-gateway's clusters and messages have no types

_FRESH = 5.0
"""Seconds for which an answer of YARN is used: that on queues and nodes for all users."""
_DEADLINE = 5.0
"""Seconds for YARN to respond to who waits for the answer to scale or to adapt."""
_NEVER = "Shut this cluster down, and create one with smaller workers."
_log = logging.getLogger(__name__)


class WorkerRoom:
    """Finds out what new workers would wait for.

    Args:
        settings: The server's, which acts for its users.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster = SingleFlight(self._look_up, fresh=_FRESH)
        self._reports: WeakKeyDictionary[UnmanagedApplication, SingleFlight[ApplicationReport]] = (
            WeakKeyDictionary()
        )

    async def why_none(
        self, cluster: Any, application: UnmanagedApplication | None, message: Mapping[str, Any]
    ) -> str:
        """Why workers that a cluster's scheduler is asked for would wait.

        Args:
            cluster: The cluster.
            application: Its application; None if it is not held.
            message: dask-gateway's message to the scheduler: scale, or adapt.

        Returns:
            What to tell; empty if there is room, or that is not known.
        """
        missing = wanted(cluster, message)
        may_grow = message["op"] == "adapt" and bool(message.get("active", True))
        if application is None or application.over or (missing <= 0 and not may_grow):
            return ""
        try:
            reason = await self._why(application, max(missing, 1))
        except YarnhubError as error:
            _log.debug("the room for workers of %s is not known: %s", cluster.name, error)
            return ""
        if isinstance(reason, LargerThanAnyNode):
            return f"{sentence(reason)} {_NEVER}"
        # An adaptive cluster may not need another worker before there is room.
        return f"Workers wait. {sentence(reason)}" if reason is not None and missing > 0 else ""

    async def _why(self, application: UnmanagedApplication, count: int) -> Reason | None:
        words = f"YARN has not responded within {_DEADLINE:g} s"
        async with Deadline(_DEADLINE, words):
            report = await self._report(application).get()
            cluster = await self._cluster.get()
        facts = ApplicationFacts(report=report, spec=application.spec)
        return why_no_more(WORKER, count, cluster.of(facts))

    def _report(self, application: UnmanagedApplication) -> SingleFlight[ApplicationReport]:
        """YARN's report of an application, for all requests of a user in a short time."""
        found = self._reports.get(application)
        if found is None:
            number, user = application.application_id, application.user
            found = SingleFlight(partial(self._ask, number, user), fresh=_FRESH)
            self._reports[application] = found
        return found

    async def _ask(self, number: ApplicationId, user: str) -> ApplicationReport:
        async with Client(self._settings.acting_for(user)) as client:
            return await client.application_report(number)

    async def _look_up(self) -> ClusterFacts:
        async with Client(self._settings) as client:
            return await look_up_cluster(client.resource_manager, self._settings, figures=True)


def wanted(cluster: Any, message: Mapping[str, Any]) -> int:
    """How many workers a cluster does not have yet, after a message to its scheduler."""
    running: int = sum(each.status == JobStatus.RUNNING for each in cluster.active_workers())
    if message["op"] == "scale":
        return int(message["count"]) - running
    if not message.get("active", True):
        return 0
    least = message.get("minimum")
    return max(int(cluster.count), least if isinstance(least, int) else 0) - running

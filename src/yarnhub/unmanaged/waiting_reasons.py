"""Why applications wait for their containers: one query for all of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.client.explain.explanation import why_no_container
from yarnhub.client.explain.lookup import look_up_cluster
from yarnhub.client.explain.words import sentence
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.access.settings import Settings
    from yarnhub.unmanaged.application import UnmanagedApplication
    from yarnhub.yarn.resource_manager import ResourceManager

_log = logging.getLogger(__name__)

_LOOK_PAUSE = 2.0
"""Seconds between two checks; applications that wait at two consecutive ones are explained."""


class WaitingReasons:
    """Finds applications that wait for containers, and sets the reason.

    YARN does not report to an unmanaged application that it exceeds a limit or that its queue is
    full. The ResourceManager is queried once for all applications, and only while one waits.

    Args:
        applications: All held applications.
        manager: The ResourceManager.
        settings: The settings of the caller.
    """

    def __init__(
        self,
        applications: Mapping[str, UnmanagedApplication],
        manager: ResourceManager,
        settings: Settings,
    ) -> None:
        self._applications = applications
        self._manager = manager
        self._settings = settings
        self._waited: set[str] = set()
        self._queues: dict[str, str] = {}

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_PAUSE)
            try:
                await self.look()
            except YarnhubError as error:
                _log.debug("the state of the cluster is unknown: %s", error)

    async def look(self) -> None:
        """Check once."""
        waiting = {each.id for each in self._applications.values() if each.waits}
        long, self._waited = waiting & self._waited, waiting
        cluster = (
            await look_up_cluster(self._manager, self._settings, figures=True) if long else None
        )
        queues = {each: await self._queue(each) for each in sorted(long)}
        self._queues = queues
        for application in tuple(self._applications.values()):
            reason = None
            if cluster is not None and application.id in long and application.waits:
                facts = application.facts(queues[application.id])
                reason = why_no_container(cluster.of(facts))
            if reason is not None and application.waits_for is None:
                _log.warning("%s waits: %s", application.id, sentence(reason))
            application.waits_for = reason

    async def _queue(self, application_id: str) -> str:
        """The queue in which YARN has placed an application, which may not be the requested one."""
        known = self._queues.get(application_id)
        if known is None:
            number = ApplicationId.parse(application_id)
            known = (await self._manager.get_application_report(number)).queue
        return known

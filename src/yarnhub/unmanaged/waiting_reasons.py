"""What keeps YARN from giving applications their containers: one look for all of them."""

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
"""Seconds between two looks; who waits at two of them in a row is asked about."""


class WaitingReasons:
    """Notices applications that get no container, and tells them why.

    YARN tells an unmanaged application nothing: neither that it is above a limit nor that its
    queue is full. The ResourceManager is asked once for all, and only while one waits.

    Args:
        applications: All that are held.
        manager: Where queues and nodes are looked up.
        settings: Who asks.
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
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_PAUSE)
            try:
                await self.look()
            except YarnhubError as error:
                _log.debug("the cluster cannot be looked at: %s", error)

    async def look(self) -> None:
        """Look once."""
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
        """Where YARN has put an application: its rules may choose another queue than was named."""
        known = self._queues.get(application_id)
        if known is None:
            number = ApplicationId.parse(application_id)
            known = (await self._manager.get_application_report(number)).queue
        return known

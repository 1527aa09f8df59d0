"""What keeps YARN from giving applications their containers: one look for all of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.client.obstacles import not_activated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.unmanaged.application import UnmanagedApplication
    from yarnhub.yarn.resource_manager import ResourceManager

_log = logging.getLogger(__name__)

_LOOK = 2.0
"""Seconds between two looks; who waits at two of them in a row is asked about."""


class Watch:
    """Notices applications that YARN has not activated, and tells them why.

    YARN registers an application above its queue's limit for ApplicationMasters and says nothing
    further: neither an error nor diagnostics, for an unmanaged one (Hadoop 3.4.2,
    FiCaSchedulerApp.updateAMContainerDiagnostics). Only its headroom stays at nothing while its
    queue counts it as pending. The ResourceManager is asked only while an application waits.

    Args:
        applications: All that are held.
        manager: Where queues are looked up.
    """

    def __init__(
        self, applications: Mapping[str, UnmanagedApplication], manager: ResourceManager
    ) -> None:
        self._applications = applications
        self._manager = manager
        self._waited: set[str] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            try:
                await self.look()
            except YarnhubError as error:
                _log.debug("queues cannot be looked up: %s", error)

    async def look(self) -> None:
        """Look once."""
        starved = {each.id for each in self._applications.values() if each.starved}
        waiting, self._waited = starved & self._waited, starved
        reasons: dict[str, str] = {}
        for queue in {self._applications[each].spec.queue for each in waiting}:
            found = await self._manager.get_queue_info(queue)
            reasons[queue] = "" if found is None else not_activated(found)
        for application in tuple(self._applications.values()):
            reason = reasons.get(application.spec.queue, "") if application.id in waiting else ""
            if reason and reason != application.waits_for:
                _log.warning("%s waits: %s", application.id, reason)
            application.waits_for = reason

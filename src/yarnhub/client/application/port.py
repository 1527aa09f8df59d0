"""How applications are reached by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.resource_manager import ResourceManager


class Applications(Protocol):
    """What the modules below `yarnhub.client.client.Client` need of it."""

    @property
    def resource_manager(self) -> ResourceManager:
        """The ResourceManager, as the client's user."""
        ...

    async def application_report(self, application_id: ApplicationId) -> ApplicationReport:
        """See `Client.application_report`."""
        ...

    async def connect(
        self, application_id: ApplicationId, *, wait: bool = True
    ) -> ApplicationClient:
        """See `Client.connect`."""
        ...

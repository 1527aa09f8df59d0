"""Access to applications by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.resource_manager import ResourceManager


class Applications(Protocol):
    """The part of `yarnhub.client.client.Client` that the modules below it use."""

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

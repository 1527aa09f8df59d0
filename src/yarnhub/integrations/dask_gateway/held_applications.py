"""The applications of all Dask clusters, whose ApplicationMasters run in dask-gateway's server."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.closing import Closing
from yarnhub.base.errors import YarnhubError
from yarnhub.client.client import Client
from yarnhub.integrations.dask_gateway.specification import cluster_of
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from yarnhub.client.access.settings import Settings
    from yarnhub.control.messages import FinalStatus
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged import UnmanagedApplication

_END = 30.0
"""Seconds for YARN to end an application."""
_RETRY = 5.0
_log = logging.getLogger(__name__)


class HeldApplications(Closing):
    """The applications of all clusters; an async context manager, which any task can leave.

    Leaving it ends none: the next server with the same folder takes them over.

    Args:
        settings: The server's, which acts for its users.
        folder: Where their state is kept: private, on a local disk.
        host: The host name at which containers reach this process.
    """

    def __init__(self, settings: Settings, *, folder: Path, host: str) -> None:
        self._settings = settings
        self._held = UnmanagedApplications(settings, folder=folder, host=host)
        self._holding = BackgroundTasks()
        self._tasks = BackgroundTasks()
        self._leave = asyncio.Event()
        self._by_cluster: dict[str, UnmanagedApplication] = {}
        self._ends: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holds = self._holding.start(self._hold(entered), "applications of Dask clusters")
        try:
            await entered
        except BaseException:
            await self._holding.aclose()
            raise
        return self

    async def _hold(self, entered: asyncio.Future[None]) -> None:
        try:
            async with self._held:
                for application in self._held.values():
                    self._by_cluster[cluster_of(application.spec.tags)] = application
                entered.set_result(None)
                await self._leave.wait()
        except YarnhubError as error:
            if entered.done():
                raise
            entered.set_exception(error)
        finally:
            entered.cancel()

    async def aclose(self) -> None:
        """Leave the applications running."""
        await self._tasks.aclose()
        self._leave.set()
        await asyncio.wait([self._holds], timeout=_END)
        await self._holding.aclose()

    def find(self, cluster: str) -> UnmanagedApplication | None:
        """The application of a cluster, also one that has ended; None if none was held."""
        return self._by_cluster.get(cluster)

    def clusters(self) -> list[str]:
        """The names of all clusters with an application, running or ended."""
        return list(self._by_cluster)

    def forget(self, cluster: str) -> None:
        """Forget a cluster whose application has ended."""
        application = self._by_cluster.get(cluster)
        if application is not None and application.over:
            del self._by_cluster[cluster]

    async def submit(
        self, cluster: str, spec: ApplicationSpec, secrets: Mapping[str, bytes]
    ) -> UnmanagedApplication:
        """Submit the application of a cluster, unless it has one.

        Raises:
            YarnhubError: YARN refused it, or does not respond.
        """
        found = self._by_cluster.get(cluster)
        if found is None:
            found = self._by_cluster[cluster] = await self._held.submit(spec, secrets=secrets)
        return found

    async def is_running(self, application_id: str, user: str) -> bool:
        """Whether an application that is not held is running, from YARN's records.

        Raises:
            YarnhubError: That is not known.
        """
        async with Client(self._settings.acting_for(user)) as client:
            report = await client.application_report(ApplicationId.parse(application_id))
        return not report.yarn_application_state.ended

    def begin_end(self, cluster: str, status: FinalStatus, words: str) -> asyncio.Task[None] | None:
        """End the application of a cluster in the background, however long YARN does not respond.

        Returns:
            The work; None if there is no such application.
        """
        application = self._by_cluster.get(cluster)
        if application is None or application.over:
            return None
        if cluster not in self._ends:
            _log.info("%s of cluster %s is ended: %s", application.id, cluster, words)
            work = _end(application, status, words)
            task = self._ends[cluster] = self._tasks.start(work, f"end of {application.id}")
            task.add_done_callback(lambda _: self._ends.pop(cluster))
        return self._ends[cluster]


async def _end(application: UnmanagedApplication, status: FinalStatus, words: str) -> None:
    while not application.over:
        try:
            await application.shutdown(status, words)
            await application.ended(deadline=_END)
        except YarnhubError as error:
            if not application.over:
                _log.warning("%s cannot be ended, retrying: %s", application.id, error)
        await asyncio.sleep(_RETRY)

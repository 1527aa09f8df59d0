"""The applications of all Dask clusters, whose ApplicationMasters run in dask-gateway's server."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.budgets import KIB, MIB, Budgets
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.closing import Closing
from yarnhub.base.errors import AccessDeniedError, ApplicationNotFoundError, YarnhubError
from yarnhub.base.held_open import HeldOpen
from yarnhub.client.client import Client
from yarnhub.integrations.dask_gateway.cluster_config import MAX_WORKERS
from yarnhub.integrations.dask_gateway.specification import (
    WORKER,
    WORKER_NAME,
    found_tag,
    tag_of,
)
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path
    from typing import Self

    from yarnhub.client.access.settings import Settings
    from yarnhub.control.messages import FinalStatus
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged import UnmanagedApplication

BUDGETS = Budgets(
    requests=frozenset({"WatchTokens"}),  # of the token agent in each container
    body=16 * KIB,
    answer=MIB,
    connections=2 * MAX_WORKERS,  # with Kerberos, each container has one
    at_once=4,
    rate=MIB,
    waiting=2 * MAX_WORKERS,
    keys=0,
    pages=0,
)
"""Of one cluster's application: its containers run what users like, and share this process."""
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
        self._open = HeldOpen(
            lambda: UnmanagedApplications(settings, folder=folder, host=host, budgets=BUDGETS),
            "applications of Dask clusters",
            leave=_END,
        )
        self._tasks = BackgroundTasks()
        self._by_tag: dict[str, UnmanagedApplication] = {}
        self._ends: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        try:
            self._held = await self._open.value()
        except BaseException:
            await self.aclose()
            raise
        self.refresh()
        return self

    async def aclose(self) -> None:
        """Leave the applications running."""
        await self._tasks.aclose()
        await self._open.aclose()

    def refresh(self) -> None:
        """Note the applications that are held since the last call.

        A submission that failed may have left one, and a damaged record may be read later.
        """
        for application in self._held.values():
            tag = found_tag(application.spec.tags)
            if tag and (tag not in self._by_tag or self._by_tag[tag].over):
                self._by_tag[tag] = application

    def find(self, cluster: str) -> UnmanagedApplication | None:
        """The application of a cluster, also one that has ended; None if none was held."""
        return self._by_tag.get(tag_of(cluster))

    def tags(self) -> set[str]:
        """The tags of all clusters with an application, running or ended: see `tag_of`."""
        return set(self._by_tag)

    def forget(self, tag: str) -> None:
        """Forget an application that has ended."""
        application = self._by_tag.get(tag)
        if application is not None and application.over:
            del self._by_tag[tag]

    async def submit(
        self, cluster: str, spec: ApplicationSpec, secrets: Mapping[str, bytes]
    ) -> UnmanagedApplication:
        """Submit the application of a cluster, unless it has one.

        Raises:
            YarnhubError: YARN refused it, or does not respond.
        """
        self.refresh()
        tag = tag_of(cluster)
        if tag not in self._by_tag:
            self._by_tag[tag] = await self._held.submit(spec, secrets=secrets)
        return self._by_tag[tag]

    async def is_running(self, application_id: str, user: str) -> bool:
        """Whether an application that is not held is running, from YARN's records.

        Raises:
            YarnhubError: That is not known.
        """
        async with Client(self._settings.acting_for(user)) as client:
            report = await client.application_report(ApplicationId.parse(application_id))
        return not report.yarn_application_state.ended

    def begin_end(self, tag: str, status: FinalStatus, words: str) -> asyncio.Task[None] | None:
        """End the application with a tag in the background, however long YARN does not respond.

        Returns:
            The work; None if there is no such application.
        """
        application = self._by_tag.get(tag)
        if application is None or application.over:
            return None
        if tag not in self._ends:
            _log.info("%s is ended: %s", application.id, words)
            self._begin(tag, _end(application, status, words))
        return self._ends[tag]

    def begin_kill(self, tag: str, application_id: str, user: str) -> asyncio.Task[None]:
        """Kill an application that is not held, in the background: see `begin_end`.

        Args:
            tag: Its tag.
            application_id: Its id.
            user: Its user.
        """
        if tag not in self._ends:
            _log.info("%s, which is not held, is killed", application_id)
            self._begin(tag, self._kill(application_id, user))
        return self._ends[tag]

    async def _kill(self, application_id: str, user: str) -> None:
        number = ApplicationId.parse(application_id)
        while True:
            try:
                if await self.is_running(application_id, user):
                    async with Client(self._settings.acting_for(user)) as client:
                        await client.kill(number, deadline=_END)
                return
            except ApplicationNotFoundError:
                return
            except AccessDeniedError as error:  # another attempt would not help
                _log.error("%s cannot be killed: %s", application_id, error)
                return
            except YarnhubError as error:
                _log.warning("%s cannot be killed, retrying: %s", application_id, error)
            await asyncio.sleep(_RETRY)

    def _begin(self, tag: str, work: Coroutine[None, None, None]) -> None:
        task = self._ends[tag] = self._tasks.start(work, f"end of {tag}")
        task.add_done_callback(lambda _: self._ends.pop(tag))


def worker_containers(application: UnmanagedApplication, name: str) -> list[str]:
    """The ids of a worker's containers that have not ended: one, unless YARN has lost one.

    Args:
        application: The worker's cluster's.
        name: The worker's name.
    """
    return [
        each
        for each, variables in application.variables(WORKER).items()
        if variables.get(WORKER_NAME) == name
    ]


async def _end(application: UnmanagedApplication, status: FinalStatus, words: str) -> None:
    while not application.over:
        try:
            await application.shutdown(status, words)
            await application.ended(deadline=_END)
            return
        except YarnhubError as error:
            if not application.over:
                _log.warning("%s cannot be ended, retrying: %s", application.id, error)
        await asyncio.sleep(_RETRY)

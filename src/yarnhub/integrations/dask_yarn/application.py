"""The YARN application of a Dask cluster, as its client sees it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.closing import Closing
from yarnhub.base.errors import YarnhubError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.applications import connect, explain
from yarnhub.client.blocking.thread_requests import ThreadRequests
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.lifecycle import shut_down
from yarnhub.control import diagnostics
from yarnhub.control.messages import ContainerState, FinalStatus, Shutdown
from yarnhub.control.outcomes import Cause
from yarnhub.control.words import describe
from yarnhub.integrations.dask_yarn.container import DASHBOARD_KEY, SCHEDULER_KEY
from yarnhub.integrations.dask_yarn.lease import Lease, stored_lease
from yarnhub.integrations.dask_yarn.specification import SCHEDULER, WORKER
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from typing import Self

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.client import Client
    from yarnhub.control.messages import ServiceContainer
    from yarnhub.yarn.records.applications import ApplicationReport

LEASE_KEY = "dask.lease"
"""The key with the seconds of the application's lease: who connects to it extends it, too."""
_LOOK = 1.0
"""Seconds between two looks at the containers."""
_TELL = 10.0
"""Seconds between two looks at why an application waits."""
_END = 60.0
"""Seconds for an application to end."""
_log = logging.getLogger(__name__)


class DaskApplication(Closing):
    """One application; an async context manager, which leaves the application running.

    Args:
        client: The cluster, as a user who may modify the application; None in one of the
            application's own containers, which ends with it.
        connection: The application; None if it has just been submitted.
        number: Its id.

    Attributes:
        id: The application's id.
        workers: The containers of workers that have not ended, as last known, by id.
        end: How it ended, in an error to raise; None while it runs.
    """

    def __init__(
        self, client: Client | None, connection: ApplicationClient | None, number: ApplicationId
    ) -> None:
        self.id = str(number)
        self.workers: dict[str, ServiceContainer] = {}
        self.end: ApplicationFailedError | None = None
        self._client = client
        self._number = number
        self._tasks = BackgroundTasks()
        self._connection = connection
        self._spec: ApplicationSpec | None = None
        self._failed: set[str] = set()

    @classmethod
    async def submit(cls, client: Client, spec: ApplicationSpec, lease: float | None) -> Self:
        """Submit an application; returns when it has an ApplicationMaster.

        It is killed after an error or a cancellation.

        Args:
            client: The cluster, as the user of the application.
            spec: The application.
            lease: Seconds after which YARN ends it when no process extends its time; None for
                never.

        Raises:
            SpecError: A file does not exist, or it requests more than the cluster has.
            ApplicationFailedError: YARN refused it, or it has ended.
        """
        number = await client.submit(spec)
        application = cls(client, None, number)
        try:
            if lease is not None and spec.timeout is None:
                application._hold(lease)
            async with application._waiting():
                chosen = spec.master.security
                pair = None if chosen is None else Credentials.named_by(chosen)
                application._connection = await client.connect(
                    number, deadline=None, credentials=pair
                )
            if lease is not None and spec.timeout is None:
                await application._store_lease(lease)
        except BaseException:
            await application.kill()
            raise
        application._spec = spec
        return application

    @classmethod
    async def find(cls, client: Client, application_id: str) -> Self:
        """Connect to an application, waiting until it has an ApplicationMaster.

        Raises:
            ApplicationFailedError: It has ended.
            ValueError: It is not a Dask cluster, or has no valid lease.
            YarnhubError: It does not exist, or belongs to another user.
        """
        number = ApplicationId.parse(application_id)
        application = cls(client, await connect(client, number), number)
        try:
            await application._check()
            if lease := await application.connection.keys.get(LEASE_KEY):
                application._hold(stored_lease(lease.value))
        except BaseException:
            await application.aclose()
            raise
        return application

    @classmethod
    async def current(cls, connection: ApplicationClient) -> Self:
        """The application of the container that this process runs in; raises as `find`."""
        application = cls(None, connection, ApplicationId.parse(connection.id))
        await application._check()
        return application

    async def _store_lease(self, lease: float) -> None:
        try:
            await self.connection.keys.put(LEASE_KEY, f"{lease:g}".encode())
        except YarnhubError as error:  # its containers may have failed by now
            raise await self._failure(error) from error

    async def _check(self) -> None:
        found = ApplicationSpec.from_json(await self.connection.get_specification())
        if WORKER not in found.services:
            raise ValueError(f"{self.id} is not a Dask cluster: it has no service {WORKER!r}")
        self._spec = found

    @property
    def connection(self) -> ApplicationClient:
        """The application's own connection."""
        assert self._connection is not None
        return self._connection

    @property
    def pair(self) -> Credentials:
        """With which the scheduler, the workers and their clients recognize each other."""
        return self.connection.credentials

    @property
    def spec(self) -> ApplicationSpec:
        """Its specification."""
        assert self._spec is not None
        return self._spec

    @property
    def has_scheduler(self) -> bool:
        """Whether its scheduler runs in a container."""
        return SCHEDULER in self.spec.services

    async def aclose(self) -> None:
        """Close the connections."""
        await self._tasks.aclose()
        if self._connection is not None:
            await self._connection.aclose()
        if self._client is not None:
            await self._client.aclose()

    # --- the scheduler's address

    async def announce(self, scheduler: str, dashboard: str) -> None:
        """Set the addresses of a scheduler that runs in this process."""
        await self.connection.keys.put(DASHBOARD_KEY, dashboard.encode())
        await self.connection.keys.put(SCHEDULER_KEY, scheduler.encode())

    async def addresses(self) -> tuple[str, str]:
        """The addresses of the scheduler and of its dashboard, waiting until it has started.

        Raises:
            ApplicationFailedError: The application has ended, for example because the environment
                has no distributed.
        """
        try:
            async with self._waiting():
                scheduler = await self.connection.keys.wait(SCHEDULER_KEY)
                dashboard = await self.connection.keys.get(DASHBOARD_KEY)
        except YarnhubError as error:
            raise await self._failure(error) from error
        return scheduler.value.decode(), dashboard.value.decode() if dashboard else ""

    # --- workers

    async def look(self) -> None:
        """Look at the workers' containers once; logs which have failed since the last time."""
        found = await self.connection.get_containers([WORKER], states=None)
        self.workers = {each.id: each for each in found if not each.state.ended}
        failed = {each.id: each for each in found if each.state is ContainerState.FAILED}
        for name in failed.keys() - self._failed:
            outcome = failed[name].outcome
            reason = describe(outcome) if outcome else failed[name].exit_message
            _log.warning("%s of %s has ended. %s", name, self.id, reason)
        self._failed = set(failed)

    async def scale(self, count: int) -> None:
        """Set the number of workers."""
        await self.connection.scale(WORKER, count=count)
        await self.look()

    async def stop_workers(self, names: Iterable[str]) -> None:
        """End the containers of workers; names of others are ignored."""
        for name in names:
            if name in self.workers:
                await self.connection.kill_container(name)
        await self.look()

    def begin_watch(self, on_end: Callable[[ApplicationFailedError], None]) -> None:
        """Look at the containers until the application ends, which is then passed on."""
        _ = self._tasks.start(self._watch(on_end), f"watch of {self.id}")

    async def _watch(self, on_end: Callable[[ApplicationFailedError], None]) -> None:
        while True:
            try:
                await self.look()
            except YarnhubError as error:
                ended = await self._failure(error)
                if isinstance(ended, ApplicationFailedError):
                    self.end = ended
                    on_end(ended)
                    return
            await asyncio.sleep(_LOOK)

    # --- the end

    async def shut_down(self, status: FinalStatus, words: str) -> None:
        """End it; returns when it has ended. It may have ended before."""
        try:
            if self._client is None:
                await self.connection.shutdown(status, words)
            else:
                await shut_down(
                    self._client, self.connection, self._number, status, words, deadline=_END
                )
        except YarnhubError as error:
            if not isinstance(await self._failure(error), ApplicationFailedError):
                raise
            if self._client is not None:
                with contextlib.suppress(YarnhubError):
                    await self._client.clean_up(self._number)

    def shut_down_at_exit(self) -> None:
        """End it from this thread: the event loop may have ended."""
        requests = ThreadRequests(self.connection)
        with contextlib.suppress(OSError, YarnhubError):
            requests.ask(Shutdown())
        requests.close()

    async def kill(self) -> None:
        """Kill it after an error that is more important than one of this method."""
        assert self._client is not None
        try:
            await self._client.kill(self._number)
        except YarnhubError as error:
            _log.warning("%s cannot be killed: %s", self.id, error)
        finally:
            await self.aclose()

    # --- reasons

    def _hold(self, lease: float) -> None:
        assert self._client is not None
        held = Lease(self._client, self._number, lease).hold()
        _ = self._tasks.start(held, f"lease of {self.id}")

    @contextlib.asynccontextmanager
    async def _waiting(self) -> AsyncIterator[None]:
        """Log why the block waits; an error says how the application ended."""
        task = self._tasks.start(self._tell_why(), f"reasons of {self.id}")
        try:
            yield
        except ApplicationFailedError as error:
            raise await self._failure(error) from error
        finally:
            task.cancel()

    async def _tell_why(self) -> None:
        from yarnhub.client.explain.words import sentence, summary

        told = ""
        while self._client is not None:
            await asyncio.sleep(_TELL)
            try:
                found = await explain(self._client, self._number)
            except YarnhubError:
                continue
            text = " ".join([summary(found), *map(sentence, found.reasons)])
            if text != told:
                _log.warning("%s has not started yet. %s", self.id, text)
            told = text

    async def _failure(self, error: YarnhubError) -> YarnhubError:
        """The end of the application, if that has caused an error; else the error."""
        if self._client is None:
            return error
        try:
            # An ApplicationMaster closes its port before YARN has noted the end.
            report = await self._client.wait(self._number, deadline=_LOOK * 5)
        except YarnhubError:
            return error
        return _ended(report)


def _ended(report: ApplicationReport) -> ApplicationFailedError:
    outcome = diagnostics.read(report.diagnostics)
    number = str(report.application_id)
    error = ApplicationFailedError(number, report.final_application_status.name, outcome)
    if outcome.container and outcome.cause in (Cause.NOT_FOUND, Cause.NOT_EXECUTABLE):
        error.add_note("Its command is the Python of `environment`, as that node has it.")
    error.add_note(f"YARN keeps its logs as those of {number}.")
    return error

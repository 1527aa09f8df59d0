"""All applications of one process: submitted, held, and taken over from the previous process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    ConfigurationError,
    DeadlineExceededError,
)
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.tokens.keeper import TokenKeeper
from yarnhub.control.bootstrap import server_name
from yarnhub.unmanaged.admission import SharedAdmission
from yarnhub.unmanaged.application import UnmanagedApplication
from yarnhub.unmanaged.runs import Runs
from yarnhub.unmanaged.state_folder import StateFolder
from yarnhub.unmanaged.submitter import UnmanagedSubmitter
from yarnhub.unmanaged.takeover import Takeover
from yarnhub.unmanaged.waiting_reasons import WaitingReasons

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path
    from typing import Self

    from yarnhub.appmaster.shell.runner import Runner
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.files.staging import Progress
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged.runs import Run

_log = logging.getLogger(__name__)

_IDLE_HEARTBEAT = 5.0
"""Seconds between the heartbeats of an idle application: five hundred of them then need a few
percent of a core, and a container's end is reported within this time."""
_KILL_TIMEOUT = 30.0
"""Seconds for the end of an application whose submission was undone."""


class UnmanagedApplications(Mapping[str, UnmanagedApplication], Closing):
    """Submits and holds applications whose ApplicationMasters run in this process.

    An async context manager, and a mapping of the running applications, by id. Entering takes over
    the applications of the folder's previous process, however that ended: containers, keys, counts.
    Leaving the block does not end any application: YARN keeps them for
    `yarn.am.liveness-monitor.expiry-interval-ms` (15 minutes by default), and the next process with
    the same folder takes them over. Applications do not affect each other.

    Args:
        settings: The cluster's configuration and this process's user; for applications of other
            users, the cluster's `hadoop.proxyuser.*` must allow it to act for them.
        folder: The folder with the applications' state: private, on a local disk, for one process
            at a time.
        host: The host name at which containers can reach this process; None for this machine's
            name.
        port: The port for all of them; 0 for the previous port, or a free one.
        idle: Seconds between an idle application's heartbeats.
        budgets: What each application can request at the port and store in this process; None if
            their owners are trusted with this process's memory and time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        folder: Path,
        host: str | None = None,
        port: int = 0,
        idle: float = _IDLE_HEARTBEAT,
        budgets: Budgets | None = None,
    ) -> None:
        self._settings = settings
        self._folder = StateFolder(folder)
        self.host = host or socket.gethostname()
        self.port = port
        self._idle = idle
        self._budgets = budgets or Budgets()
        self._tokens = TokenKeeper(settings)
        self._submitter = UnmanagedSubmitter(settings, self._folder, self._budgets, self._client)
        self._clients: dict[str, Client] = {}
        self._applications: dict[str, UnmanagedApplication] = {}
        self._tasks = BackgroundTasks()
        self._connections = contextlib.AsyncExitStack()
        self._open = contextlib.AsyncExitStack()

    # --- the mapping

    def __getitem__(self, application_id: str) -> UnmanagedApplication:
        return self._applications[application_id]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._applications))

    def __len__(self) -> int:
        return len(self._applications)

    # --- the block

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self._folder.held())
            await stack.enter_async_context(self._connections)
            self.port = await stack.enter_async_context(self._served())
            await stack.enter_async_context(self._tokens)
            self._runs = Runs(
                settings=self._settings,
                folder=self._folder,
                tokens=self._tokens,
                client=self._client,
                host=self.host,
                port=self.port,
                idle=self._idle,
            )
            await stack.enter_async_context(self._tasks)
            stack.callback(self._leave)
            takeover = Takeover(
                self._folder, self._budgets, self._runs, self._client, self._begin, self._spawn
            )
            await takeover.begin(await asyncio.to_thread(lambda: self._folder.tag))
            manager = self._client("").resource_manager
            reasons = WaitingReasons(self._applications, manager, self._settings)
            self._spawn("waiting reasons", reasons.run)
            self._open = stack.pop_all()
        return self

    @contextlib.asynccontextmanager
    async def _served(self) -> AsyncIterator[int]:
        """Serve at the port that containers use, or at a different one if it is taken."""
        admission = SharedAdmission(self._find)
        known = await asyncio.to_thread(lambda: self._folder.port)
        async with contextlib.AsyncExitStack() as stack:
            try:
                port = await stack.enter_async_context(
                    serve(admission, self.host, self.port or known)
                )
                await asyncio.to_thread(self._folder.keep_port, port)
            except OSError as error:
                if self.port or not known:
                    raise ConfigurationError(
                        f"port {self.port or 'any'} of {self.host}, where containers connect to "
                        f"this process, is not available: {error.strerror}"
                    ) from error
                # The applications must keep running. The next process tries this port again;
                # meanwhile, containers find the new one in the ResourceManager's reports.
                _log.error("port %d, which containers use, is taken: %s", known, error.strerror)
                port = await stack.enter_async_context(serve(admission, self.host, 0))
            yield port

    async def aclose(self) -> None:
        """Leave the applications running."""
        await self._open.aclose()

    def _leave(self) -> None:
        for application in self._applications.values():
            application.let_go()

    def _find(self, name: str) -> UnmanagedApplication | None:
        application_id = name.partition(".")[0].replace("-", "_")
        found = self._applications.get(application_id)
        return found if found is not None and server_name(application_id) == name else None

    def _client(self, user: str) -> Client:
        """A client that acts for a user; its connection closes when it is not used."""
        name = user or self._settings.user_name
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = Client(self._settings.acting_for(name))
            self._connections.push_async_exit(client)
        return client

    # --- submission

    async def submit(
        self,
        spec: ApplicationSpec,
        *,
        progress: Progress | None = None,
        secrets: Mapping[str, bytes] | None = None,
        deadline: float | None = 60.0,
    ) -> UnmanagedApplication:
        """Submit an application and hold it; returns when YARN has accepted it.

        After an error or a cancellation, uploads are deleted and the application is killed.

        Args:
            spec: What to run; sources of local files are absolute. The application gets its own
                certificate and key, with which the holder of `master.security`, if set, can connect
                to it.
            progress: Called with the progress of each upload.
            secrets: As in `Client.submit`; stored in the folder while it runs.
            deadline: Seconds in total, including uploads; None for no limit.

        Raises:
            ConfigurationError: It cannot be stored in the folder, for example because the disk is
                full.
            SpecError: A file does not exist, the request exceeds what the cluster has, or the
                specification has a script for the ApplicationMaster's container, which does not
                exist.
            ConfigurationError: With Kerberos, the application's user is this process's own login,
                for which YARN issues no token.
            ApplicationFailedError: YARN refused it, for example because of an unknown queue.
            DeadlineExceededError: YARN has not accepted it in time; the submission is undone.
        """
        self._submitter.check(spec)
        began: list[UnmanagedApplication] = []
        words = (
            f"YARN did not accept {spec.name} within {deadline or 0:g} s; the submission is undone"
        )
        try:
            async with (
                Deadline(deadline, words),
                self._submitter.submitted(spec, progress, secrets) as application,
            ):
                runner = self._begin(application)
                began.append(application)
                await runner.begun.wait()
                if not application.core.services.started:
                    raise await self._failure(application)
        except BaseException:
            for application in began:  # the process is leaving the block meanwhile
                if await self._runs.force_kill(application) is not None:
                    with contextlib.suppress(DeadlineExceededError):
                        await application.ended(deadline=_KILL_TIMEOUT)
            raise
        return began[0]

    async def explain(self, application: UnmanagedApplication) -> Explanation:
        """Explain why an application waits or how it ended: see `Client.explain`."""
        settings = self._settings.acting_for(application.user)
        async with Client(settings, Credentials(*application.pair)) as client:
            return await client.explain(application.application_id)

    # --- holding

    @staticmethod
    async def _failure(application: UnmanagedApplication) -> ApplicationFailedError:
        finish = await application.ended()
        return ApplicationFailedError(application.id, finish.status.value, finish.outcome)

    def _begin(self, application: UnmanagedApplication) -> Runner:
        run = self._runs.begin(application)
        self._applications[application.id] = application
        self._spawn(f"tokens of {application.id}", partial(self._runs.keep_tokens, application))
        self._spawn(application.id, partial(self._hold, application, run))
        return run.runner

    def _spawn(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        _ = self._tasks.start(work(), name)

    async def _hold(self, application: UnmanagedApplication, run: Run) -> None:
        finish = await self._runs.run(application, run)
        del self._applications[application.id]
        application.record_end(finish)

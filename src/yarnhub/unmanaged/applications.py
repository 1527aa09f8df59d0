"""All applications of one process: submitted, held, and taken over from the process before it."""

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
    from types import TracebackType
    from typing import Self

    from yarnhub.appmaster.shell.runner import Runner
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.files.staging import Progress
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged.runs import Run

_log = logging.getLogger(__name__)

_IDLE_HEARTBEAT = 5.0
"""Seconds between the heartbeats of an application in which nothing happens: five hundred of them
then cost a few per cent of a core, and a container's end is heard of within this."""
_KILL_TIMEOUT = 30.0
"""Seconds for the end of an application whose submission was called off."""


class UnmanagedApplications(Mapping[str, UnmanagedApplication]):
    """Submits and holds applications whose ApplicationMasters are in this process.

    An async context manager, and a mapping of the applications that run, by id. Entering takes
    over what the folder's last process held, however that ended: containers, keys, counts.
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
        """Serve at the port that containers know, or at any other if somebody has taken it."""
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
                        f"port {self.port or 'any'} of {self.host}, where containers look for "
                        f"this process, cannot be had: {error.strerror}"
                    ) from error
                # Whoever has it must not be the end of all that runs. It stays the one to be had:
                # containers find another one by the ResourceManager.
                _log.error("port %d, which containers know, is taken: %s", known, error.strerror)
                port = await stack.enter_async_context(serve(admission, self.host, 0))
            yield port

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.__aexit__(kind, error, trace)

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

        An error or cancelling leaves nothing behind: what was uploaded is deleted, and what was
        submitted is killed.

        Args:
            spec: What to run; sources of local files are absolute. The application gets a pair of
                its own, by which the holder of `master.security` reaches it, if there is one.
            progress: Is told how far each upload is.
            secrets: As in `Client.submit`; kept in the folder as long as it runs.
            deadline: Seconds for all of it, uploads included; None waits as long as it takes.

        Raises:
            ConfigurationError: It cannot be kept in the folder: the disk is full, say.
            SpecError: A file does not exist, the cluster can never give what is asked for, or
                there is a script for an ApplicationMaster's container: there is none.
            ConfigurationError: With Kerberos the application would be of this process's own
                login, which YARN gives no token for it.
            ApplicationFailedError: YARN refused it, with its reason: an unknown queue, say.
            DeadlineExceededError: YARN has not accepted it in time.
        """
        self._submitter.check(spec)
        began: list[UnmanagedApplication] = []
        words = f"{spec.name} was not accepted by YARN within {deadline or 0:g} s, and taken back"
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
            for application in began:  # the end came between its beginning and our return
                if await self._runs.ended_by_yarn(application) is not None:
                    with contextlib.suppress(DeadlineExceededError):
                        await application.ended(deadline=_KILL_TIMEOUT)
            raise
        return began[0]

    async def explain(self, application: UnmanagedApplication) -> Explanation:
        """Why an application waits, what it does and where: see `Client.explain`."""
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
        application.end(finish)

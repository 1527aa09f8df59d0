"""All applications of one process: submitted, held, and taken over from the process before it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec

from yarnhub.appmaster.core.limits import Limits
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    ApplicationFailedError,
    ConfigurationError,
    DeadlineExceededError,
    SpecError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.client import Client
from yarnhub.client.submit.submission import credentials
from yarnhub.client.tokens.keeper import TokenKeeper
from yarnhub.control.bootstrap import server_name
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN
from yarnhub.unmanaged.admission import SharedAdmission
from yarnhub.unmanaged.application import UnmanagedApplication
from yarnhub.unmanaged.folder import Folder
from yarnhub.unmanaged.holding import Holder
from yarnhub.unmanaged.watch import Watch
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from yarnhub.appmaster.shell.runner import Runner
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.files.staging import Progress
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged.holding import Holding
    from yarnhub.yarn.records.applications import ApplicationReport

P = ParamSpec("P")

_log = logging.getLogger(__name__)

_IDLE = 5.0
"""Seconds between the heartbeats of an application in which nothing happens: five hundred of them
then cost a few per cent of a core, and a container's end is heard of within this."""
_AGAIN = 60.0
"""Seconds until what could not be read is read again."""
_NOT_ENDED = tuple(state for state in YarnApplicationState if not state.ended)
_CLEAN_UP = 30.0
"""Seconds for the end of what nobody can run."""


class UnmanagedApplications(Mapping[str, UnmanagedApplication]):
    """Submits and holds applications whose ApplicationMasters are in this process.

    An async context manager, and a mapping of the applications that run, by id. Entering takes
    over what the folder's last process held, however that ended: containers, keys, counts.
    Leaving ends no application: YARN keeps them for `yarn.am.liveness-monitor.expiry-interval-ms`
    (15 minutes by default), and whoever enters with the same folder takes them over. Nothing that
    befalls one application reaches the others.

    Args:
        settings: Where the cluster is and who this process is; for applications of other users
            the cluster's `hadoop.proxyuser.*` must allow it to act for them.
        folder: Where applications are kept: secret, on a local disk, one process at a time.
        host: Where containers reach this process; None takes the name of this machine.
        port: The one port for all of them; 0 takes the one before, or a free one.
        idle: Seconds between an idle application's heartbeats.
        limits: What each application may ask for at the port and have this process keep; None for
            applications whose owners may take this process's memory and time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        folder: Path,
        host: str | None = None,
        port: int = 0,
        idle: float = _IDLE,
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._folder = Folder(folder)
        self.host = host or socket.gethostname()
        self.port = port
        self._idle = idle
        self._limits = limits or Limits()
        self._tag = ""
        self._tagging = asyncio.Lock()
        self._tokens = TokenKeeper(settings)
        self._clients: dict[str, Client] = {}
        self._applications: dict[str, UnmanagedApplication] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
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
            self._holder = Holder(
                settings=self._settings,
                folder=self._folder,
                tokens=self._tokens,
                client=self._client,
                host=self.host,
                port=self.port,
                idle=self._idle,
            )
            self._group = await stack.enter_async_context(task_group())
            stack.callback(self._leave)
            self._tag = await asyncio.to_thread(lambda: self._folder.tag)
            await self._take_over()
            watch = Watch(self._applications, self._client("").resource_manager, self._settings)
            self._spawn("watch", watch.run)
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
        self._group = None
        for task in self._tasks:
            task.cancel()
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
        _check(spec)
        _check_login(self._settings.acting_for(spec.user))
        holders_pair = await asyncio.to_thread(_holders_pair, spec)
        # The only attempt is taken over instead of repeated.
        spec = replace(spec, max_attempts=1, tags={*spec.tags, await self._own_tag()})
        began: list[UnmanagedApplication] = []
        words = f"{spec.name} was not accepted by YARN within {deadline:g} s, and taken back"
        try:
            async with (
                Deadline(deadline, words),
                self._submitted(spec, holders_pair, progress, secrets) as application,
            ):
                runner = self._begin(application)
                began.append(application)
                await runner.begun.wait()
                if not application.core.services.started:
                    raise await self._failure(application)
        except BaseException:
            for application in began:  # the end came between its beginning and our return
                if await self._holder.ended_by_yarn(application) is not None:
                    with contextlib.suppress(DeadlineExceededError):
                        await application.ended(deadline=_CLEAN_UP)
            raise
        return began[0]

    async def _own_tag(self) -> str:
        if not self._tag:
            async with self._tagging:
                self._tag = await asyncio.to_thread(self._folder.made_tag)
        return self._tag

    @contextlib.asynccontextmanager
    async def _submitted(
        self,
        spec: ApplicationSpec,
        holders_pair: Credentials,
        progress: Progress | None,
        secrets: Mapping[str, bytes] | None,
    ) -> AsyncIterator[UnmanagedApplication]:
        """Submit an application that is to begin; all that it takes is kept by then."""
        client = self._client(spec.user)
        async with client.submitter.prepared(
            spec, holders_pair, None, progress, secrets
        ) as submission:
            application_id = str(submission.application_id)
            kept = credentials(submission)
            application: UnmanagedApplication | None = None
            try:
                # Before it is submitted: whoever comes after us must know of it.
                await asyncio.to_thread(self._folder.keep, application_id, kept)
                async with client.submitter.submitted(submission):
                    token = await client.submitter.am_rm_token(submission)
                    kept = replace(kept, tokens={**kept.tokens, AMRM_TOKEN: token})
                    # Before it is used: YARN gives it to nobody who has registered.
                    await asyncio.to_thread(self._folder.keep, application_id, kept)
                    application = UnmanagedApplication(
                        kept, self._folder.journal(application_id), self._limits
                    )
                    yield application
            except BaseException:
                # What has begun is recorded until its end, and forgotten by what runs it.
                if application is None or application.runner is None:
                    await asyncio.to_thread(self._folder.forget, application_id)
                raise

    async def explain(self, application: UnmanagedApplication) -> Explanation:
        """Why an application waits, what it does and where: see `Client.explain`."""
        settings = self._settings.acting_for(application.user)
        async with Client(settings, Credentials(*application.pair)) as client:
            return await client.explain(application.application_id)

    # --- holding

    @staticmethod
    async def _failure(application: UnmanagedApplication) -> ApplicationFailedError:
        finish = await application.ended()
        return ApplicationFailedError(application.id, finish.status.value, finish.diagnostics)

    def _begin(self, application: UnmanagedApplication) -> Runner:
        holding = self._holder.begin(application)
        self._applications[application.id] = application
        self._spawn(f"tokens of {application.id}", self._holder.keep_tokens, application)
        self._spawn(application.id, self._hold, application, holding)
        return holding.runner

    def _spawn(
        self, name: str, work: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        assert self._group is not None
        task = self._group.create_task(_alone(name, work, *args, **kwargs), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hold(self, application: UnmanagedApplication, holding: Holding) -> None:
        finish = await self._holder.run(application, holding)
        del self._applications[application.id]
        application.end(finish)

    # --- what the process before held

    async def _take_over(self) -> None:
        for application_id in await asyncio.to_thread(self._folder.applications):
            if not await self._taken_over(application_id):
                self._spawn(application_id, self._take_over_later, application_id)
        self._spawn("sweep", self._sweep)

    async def _taken_over(self, application_id: str) -> bool:
        """Hold what is kept of an application; says whether it may help to try that again."""
        try:
            kept = await asyncio.to_thread(self._folder.read, application_id)
            application = UnmanagedApplication(
                kept, self._folder.journal(application_id), self._limits
            )
            if application.id != application_id:
                raise ConfigurationError(f"what is kept is of {application.id}")
            await application.restore()
            if application.am_rm_token is None:
                # Its submission was cut off, and whoever wanted it was not told of it.
                self._spawn(application_id, self._take_back, application)
            else:
                self._begin(application)
        except OSError as error:
            _log.error("%s cannot be taken over yet: %s", application_id, error)
            return False
        except Exception as error:  # noqa: BLE001  # what is damaged is so in any way
            _log.error(
                "%s cannot be taken over, what is kept of it is damaged: %s: %s",
                *(application_id, type(error).__name__, error),
            )
        return True

    async def _take_over_later(self, application_id: str) -> None:
        """Try again and again: a disk's or the system's fault may pass."""
        while True:
            await asyncio.sleep(_AGAIN)
            if await self._taken_over(application_id):
                return

    async def _sweep(self) -> None:
        """End what bears our tag and is not kept, as where the folder is of an older back-up.

        Nobody else can run such an application: its token and keys are lost.
        """
        if not self._tag:
            return
        request = GetApplicationsRequest(
            application_tags=(self._tag,), application_states=_NOT_ENDED
        )
        try:
            async with Deadline(_CLEAN_UP, f"no answer within {_CLEAN_UP:g} s"):
                found = await self._client("").applications(request)
        except YarnhubError as error:
            _log.warning("YARN cannot be asked for applications that nobody runs: %s", error)
            return
        for report in found:
            application_id = str(report.application_id)
            # What is submitted meanwhile was kept before YARN knew of it.
            if not await asyncio.to_thread(self._folder.keeps, application_id):
                _log.warning("%s is ended: its keys are not in this folder", application_id)
                await self._end_lost(report)

    async def _end_lost(self, report: ApplicationReport) -> None:
        client = self._client(report.user)
        try:
            await client.kill(report.application_id, deadline=_CLEAN_UP)
        except YarnhubError as error:
            _log.warning("%s may run on: %s", report.application_id, error)

    async def _take_back(self, application: UnmanagedApplication) -> None:
        if await self._holder.ended_by_yarn(application) is not None:
            await self._holder.clean_up(application)


async def _alone(
    name: str, work: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Do work whose fault reaches nobody else."""
    try:
        await work(*args, **kwargs)
    except Exception:  # noqa: BLE001  # see above
        _log.exception("a fault in the task %r", name)


def _check(spec: ApplicationSpec) -> None:
    if spec.master.script:
        raise SpecError(
            "master.script",
            "an unmanaged application has no container for its ApplicationMaster, in which this "
            "would run: make it a service, or submit the application to YARN (managed)",
        )


def _check_login(settings: Settings) -> None:
    """Refuse what would wait for ever for its AMRMToken.

    Source: RMAppImpl.createAndGetApplicationReport (Hadoop 2.10 to 3.5) gives it to a caller whose
    name is equal to that of the application's user, and a login's name is the whole principal.
    """
    if settings.by_principal:
        raise ConfigurationError(
            f"with Kerberos YARN gives {settings.user_name} no token for an unmanaged application "
            "of one's own: submit it to YARN (managed), or act for another user"
        )


def _holders_pair(spec: ApplicationSpec) -> Credentials:
    """What the application's pair is derived from: nobody holds it unless it is named."""
    chosen = spec.master.security
    return Credentials.generate() if chosen is None else Credentials.named_by(chosen)

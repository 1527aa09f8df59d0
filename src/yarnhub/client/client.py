"""A user's view of the cluster: submit applications, look at them, reach them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import (
    ApplicationFailedError,
    ApplicationNotFoundError,
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.client import program, runtime
from yarnhub.client.security import Credentials
from yarnhub.client.submission import (
    APPLICATION_TYPE,
    Submission,
    check_resources,
    check_scripts,
    max_attempts,
    submission_context,
)
from yarnhub.client.tokens import delegation_tokens
from yarnhub.client.visibility import not_shown
from yarnhub.yarn.addresses import CLIENT, SCHEDULER, resource_manager, web_proxies
from yarnhub.yarn.exits import explain_application
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest
from yarnhub.yarn.resource_manager import ResourceManager

# What only some calls need is imported by them: httpx, hdfs-native and PyYAML take longer to
# import than a command such as `skein application status` takes in all.

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from yarnhub.client.application import ApplicationClient
    from yarnhub.client.application_logs import ApplicationLogs
    from yarnhub.client.explain import Explanation
    from yarnhub.client.log_choice import LogChoice
    from yarnhub.client.logs import LogChunk, LogFile
    from yarnhub.client.settings import Settings
    from yarnhub.client.staging import Progress
    from yarnhub.control.bootstrap import Staging
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec, File, Security
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

_FIRST_LOOK = 0.01
_LOOK = 0.25
"""Seconds between two looks at an application that is awaited; they grow from the first."""
_SAVING = frozenset(
    {YarnApplicationState.NEW, YarnApplicationState.NEW_SAVING, YarnApplicationState.SUBMITTED}
)


class Client:
    """Asks the ResourceManager as one user; an async context manager.

    Every method raises the errors of `yarnhub.base.errors`: `ConnectError` where nobody answers,
    `AuthenticationError` where the user is not accepted, `AccessDeniedError` where the user may
    not, `DeadlineExceededError` where no answer comes.

    Args:
        settings: Where the cluster is and who the user is.
        credentials: Those that applications are submitted and reached with; None takes the pair
            in the user's configuration folder, which is made on first use.
    """

    def __init__(self, settings: Settings, credentials: Credentials | None = None) -> None:
        self._settings = settings
        self._own = credentials
        endpoint = resource_manager(settings.configuration, CLIENT)
        self.resource_manager = ResourceManager(endpoint, settings.user, settings.options)

    async def __aenter__(self) -> Self:
        await self.resource_manager.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.resource_manager.__aexit__(kind, error, trace)

    def acting_for(self, name: str) -> Client:
        """A client that acts for another user; the cluster's `hadoop.proxyuser.*` must allow it."""
        return Client(self._settings.acting_for(name), self._own)

    async def _file_system(self) -> FileSystem:
        from yarnhub.client.files import user_file_system

        return await user_file_system(self._settings)

    # --- submission

    async def submit(
        self,
        spec: ApplicationSpec,
        *,
        progress: Progress | None = None,
    ) -> ApplicationId:
        """Submit an application; returns when YARN has accepted it.

        All files are uploaded by then. An error or cancelling before YARN was asked leaves
        nothing behind; after that the application is killed.

        Args:
            spec: What to run; sources of local files are absolute.
            progress: Is told how far each upload is.

        Raises:
            SpecError: A file does not exist, or the cluster can never give what is asked for.
            ApplicationFailedError: YARN refused it, with its reason: an unknown queue, say.
        """
        if spec.user not in ("", self._settings.user_name):
            async with self.acting_for(spec.user) as other:
                return await other.submit(spec, progress=progress)
        pair = await asyncio.to_thread(self._credentials, spec.master.security)
        code = await asyncio.to_thread(program.cached, self._settings.cache_folder)
        async with (
            self.prepared(spec, pair, code, progress) as submission,
            self.submitted(submission),
        ):
            await self._accepted(submission)
        return submission.application_id

    @contextlib.asynccontextmanager
    async def prepared(
        self,
        spec: ApplicationSpec,
        pair: Credentials,
        code: bytes | None,
        progress: Progress | None = None,
    ) -> AsyncIterator[Submission]:
        """All that a submission is made of, its files staged; on an error they are deleted again.

        Args:
            spec: What to run, for this client's user.
            pair: Those who may reach it hold this one.
            code: The AM's; None for an AM that YARN does not start.
            progress: Is told how far each upload is.
        """
        check_scripts(spec)
        manager = self.resource_manager
        async with task_group() as group:
            new = group.create_task(manager.get_new_application())
            nodes = group.create_task(manager.get_cluster_nodes())
            tokens = group.create_task(delegation_tokens(self._settings, spec.file_systems))
            python = None if code is None else group.create_task(self._runtime(spec, progress))
        check_resources(spec, new.result().maximum_capability)
        application_id = new.result().application_id
        # The key goes into the token file, and nowhere else.
        spec = replace(spec, master=replace(spec.master, security=None))
        async with self._staged(spec, application_id, progress) as (staged, folder):
            yield Submission(
                application_id=application_id,
                spec=staged,
                staging=self._place(folder, tokens.result()),
                user=self._settings.user_name,
                schedulers=self._addresses(SCHEDULER),
                resource_managers=self._addresses(CLIENT),
                web_proxies=web_proxies(self._settings.configuration),
                nodes=nodes.result(),
                program=code,
                certificate=pair.certificate,
                key=pair.key,
                tokens=tokens.result(),
                language=self._settings.language,
                python=self._settings.python,
                runtime=None if python is None else python.result(),
                simple_authentication=not self._settings.secure,
                max_attempts=max_attempts(self._settings.configuration),
            )

    def _addresses(self, service: tuple[str, int]) -> tuple[str, ...]:
        endpoint = resource_manager(self._settings.configuration, service)
        return tuple(map(str, endpoint.addresses))

    @contextlib.asynccontextmanager
    async def submitted(self, submission: Submission) -> AsyncIterator[None]:
        """Submit an application; on an error, or when it is cancelled, it is killed again."""
        manager = self.resource_manager
        try:
            await manager.submit_application(submission_context(submission))
            yield
        except BaseException:
            with contextlib.suppress(YarnhubError):
                await manager.force_kill_application(submission.application_id)
            raise

    @contextlib.asynccontextmanager
    async def _staged(
        self, spec: ApplicationSpec, application_id: ApplicationId, progress: Progress | None
    ) -> AsyncIterator[tuple[ApplicationSpec, str | None]]:
        """The specification with its files staged, and their folder; deleted on an error."""
        from yarnhub.client.staging import is_needed, stage, staging_folder

        if not is_needed(spec):
            yield spec, None
            return
        async with await self._file_system() as file_system:
            folder = await staging_folder(file_system, application_id)
            try:
                yield await stage(spec, application_id, file_system, progress), folder
            except BaseException:
                with contextlib.suppress(YarnhubError):
                    await file_system.delete(folder, recursive=True)
                raise

    async def _runtime(self, spec: ApplicationSpec, progress: Progress | None) -> File | None:
        """The runtime archive, where it is what runs the AM."""
        if spec.master.env.get(runtime.VARIABLE, self._settings.python) != runtime.ARCHIVE:
            return None
        from yarnhub.client import interpreter

        archive = await asyncio.to_thread(interpreter.cached, self._settings.cache_folder)
        async with await self._file_system() as file_system:
            return await runtime.published(file_system, archive, progress)

    def _place(self, folder: str | None, tokens: Mapping[str, Token]) -> Staging | None:
        from yarnhub.client.staging import place

        return place(folder, self._settings.configuration, tokens) if folder else None

    def _credentials(self, chosen: Security | None = None) -> Credentials:
        if chosen is not None:
            return Credentials.of(chosen)
        return self._own or Credentials.read_or_create(self._settings.config_folder)

    async def _accepted(self, submission: Submission) -> None:
        report = await self._once_submitted(
            submission, lambda each: each.yarn_application_state not in _SAVING
        )
        if report.yarn_application_state in (
            YarnApplicationState.FAILED,
            YarnApplicationState.KILLED,
        ):
            raise _failed(report)

    async def am_rm_token(self, submission: Submission) -> Token:
        """The AMRMToken of an unmanaged application, once YARN waits for its AM to register.

        YARN gives it to the application's user alone, and to nobody after the registration.

        Raises:
            ApplicationFailedError: YARN refused the application, with its reason.
        """
        report = await self._once_submitted(
            submission,
            lambda each: each.am_rm_token is not None or each.yarn_application_state.ended,
        )
        if report.am_rm_token is None:
            raise _failed(report)
        return report.am_rm_token

    async def _once_submitted(
        self, submission: Submission, wanted: Callable[[ApplicationReport], bool]
    ) -> ApplicationReport:
        while True:
            try:
                return await self._watch(submission.application_id, wanted)
            except ApplicationNotFoundError:
                # The ResourceManager died before it had saved it, and another one answers now.
                await self.resource_manager.submit_application(submission_context(submission))
                await asyncio.sleep(_LOOK)

    # --- reports

    async def application_report(self, application_id: ApplicationId) -> ApplicationReport:
        """One application.

        Raises:
            ApplicationNotFoundError: The ResourceManager has none of this id.
        """
        return await self.resource_manager.get_application_report(application_id)

    async def applications(
        self, request: GetApplicationsRequest | None = None
    ) -> tuple[ApplicationReport, ...]:
        """Applications of our type that pass the filters, by id."""
        wanted = replace(request or GetApplicationsRequest(), application_types=(APPLICATION_TYPE,))
        found = await self.resource_manager.get_applications(wanted)
        return tuple(
            sorted(
                found,
                key=lambda each: (each.application_id.cluster_timestamp, each.application_id.id),
            )
        )

    async def _watch(
        self,
        application_id: ApplicationId,
        wanted: Callable[[ApplicationReport], bool],
    ) -> ApplicationReport:
        """Look at an application until its report is a wanted one."""
        pause = _FIRST_LOOK
        while True:
            report = await self.application_report(application_id)
            if wanted(report):
                return report
            await asyncio.sleep(pause)
            pause = min(_LOOK, pause * 1.5)

    async def wait(
        self, application_id: ApplicationId, *, deadline: float | None = None
    ) -> ApplicationReport:
        """Wait until an application has ended; returns its last report.

        Args:
            application_id: Which.
            deadline: Seconds from now; None waits as long as it takes.

        Raises:
            DeadlineExceededError: It runs on.
        """
        try:
            async with asyncio.timeout(deadline):
                return await self._watch(
                    application_id, lambda each: each.yarn_application_state.ended
                )
        except TimeoutError as error:
            if isinstance(error, YarnhubError):
                raise
            raise DeadlineExceededError(
                f"{application_id} has not ended within {deadline:g} s; it runs on"
            ) from error

    async def explain(self, application_id: ApplicationId) -> Explanation:
        """Why an application waits, what it does and where, or how it ended: in plain words.

        Cancelling leaves nothing behind.

        Raises:
            ApplicationNotFoundError: The ResourceManager has none of this id.
        """
        from yarnhub.client.explain import explain
        from yarnhub.client.gathering import gather_evidence

        return explain(await gather_evidence(self, application_id, self._settings))

    # --- logs

    async def logs(
        self,
        application_id: ApplicationId,
        choice: LogChoice | None = None,
        *,
        follow: bool = False,
        notice: Callable[[str], None] = lambda _: None,
    ) -> AsyncGenerator[LogChunk, None]:
        """The logs of an application's containers, byte for byte as they wrote them.

        While it runs they come from the nodes, afterwards from where the nodes upload them within
        seconds: that is waited for. Memory stays flat. Close the generator
        (`contextlib.aclosing`) when it is left early; cancelling leaves nothing behind.

        Args:
            application_id: Which.
            choice: Which logs; None is all but what YARN itself writes about each launch.
            follow: Whether to go on as more is written, and with new containers, until the
                application has ended and everything has come once. Otherwise what there is now.
            notice: Is told what is waited for, and what cannot be read for now.

        Raises:
            NoSuchLogError: There is no container of a name in `choice`.
            LogsNotReadyError: It has ended, and there are no logs of it.
            ConfigurationError: The cluster does not gather logs.
        """
        found = self._application_logs(application_id, choice, notice)
        async with contextlib.aclosing(found.follow() if follow else found.read()) as chunks:
            async for chunk in chunks:
                yield chunk

    async def log_files(
        self,
        application_id: ApplicationId,
        choice: LogChoice | None = None,
        *,
        notice: Callable[[str], None] = lambda _: None,
    ) -> Sequence[LogFile]:
        """The log files of an application, by container and name; arguments as those of `logs`."""
        return await self._application_logs(application_id, choice, notice).files()

    def _application_logs(
        self, number: ApplicationId, choice: LogChoice | None, notice: Callable[[str], None]
    ) -> ApplicationLogs:
        from yarnhub.client.application_logs import ApplicationLogs
        from yarnhub.client.log_choice import LogChoice

        return ApplicationLogs(self, self._settings, number, choice or LogChoice(), notice)

    # --- control

    async def kill(self, application_id: ApplicationId, *, deadline: float = 60.0) -> None:
        """End an application at once; returns when it has ended and its uploads are deleted.

        Raises:
            AccessDeniedError: It belongs to somebody else.
        """
        try:
            async with asyncio.timeout(deadline):
                while not await self.resource_manager.force_kill_application(application_id):
                    # The ResourceManager tells of an end only when it is asked.
                    await asyncio.sleep(_FIRST_LOOK * 5)
        except TimeoutError as error:
            if isinstance(error, YarnhubError):
                raise
            raise DeadlineExceededError(
                f"{application_id} has been asked to end but has not within {deadline:g} s"
            ) from error
        await self.clean_up(application_id)

    async def clean_up(self, application_id: ApplicationId) -> None:
        """Delete what was uploaded for an application; nothing to delete is no error."""
        from yarnhub.client.staging import staging_folder

        async with await self._file_system() as file_system:
            folder = await staging_folder(file_system, application_id)
            await file_system.delete(folder, recursive=True)

    async def sweep(self, now: float) -> tuple[ApplicationId, ...]:
        """Delete what ended applications have left in HDFS; returns their ids.

        Args:
            now: Seconds since 1970: what is less than a day old may be on its way still.
        """
        from yarnhub.client.sweep import sweep

        async with await self._file_system() as file_system:
            return await sweep(self.resource_manager, file_system, now)

    async def connect(
        self,
        application_id: ApplicationId,
        *,
        wait: bool = True,
        deadline: float | None = 600.0,
        credentials: Credentials | None = None,
    ) -> ApplicationClient:
        """Reach a running application.

        Args:
            application_id: Which.
            wait: Whether to wait for it to run.
            deadline: Seconds to wait at most; None waits as long as it takes.
            credentials: Those that it was submitted with; None takes the user's own.

        Raises:
            ApplicationFailedError: It has ended, or does not run and `wait` is False.
            DeadlineExceededError: It still waits for the cluster; the message says for what.
            AccessDeniedError: It belongs to somebody else who does not show it.
        """
        from yarnhub.client.application import ApplicationClient

        if credentials is None:
            credentials = await asyncio.to_thread(self._credentials)
        report: ApplicationReport | None = None
        try:
            async with asyncio.timeout(deadline):
                while True:
                    report = await self.application_report(application_id)
                    if report.yarn_application_state is YarnApplicationState.RUNNING:
                        break
                    if report.yarn_application_state.ended or not wait:
                        raise _failed(report)
                    await asyncio.sleep(_LOOK)
        except TimeoutError as error:
            if isinstance(error, YarnhubError):
                raise
            said = f": {report.diagnostics.strip()}" if report and report.diagnostics else ""
            raise DeadlineExceededError(
                f"{application_id} does not run within {deadline:g} s{said}"
            ) from error
        if report.rpc_port <= 0:
            raise not_shown(report, self._settings.user_name)
        return ApplicationClient(
            str(application_id),
            f"{report.host}:{report.rpc_port}",
            credentials,
            functools.partial(find_address, self._settings, application_id),
        )


async def find_address(settings: Settings, application_id: ApplicationId) -> str | None:
    """Where an application's ApplicationMaster answers now; None while YARN starts another.

    Opens a connection of its own: whoever asks may have outlived the client that found it first.

    Raises:
        ApplicationFailedError: It has ended.
    """
    async with Client(settings) as client:
        return current_address(await client.application_report(application_id))


def current_address(report: ApplicationReport) -> str | None:
    """The same from a report."""
    if report.yarn_application_state.ended:
        raise _failed(report)
    running = report.yarn_application_state is YarnApplicationState.RUNNING
    return f"{report.host}:{report.rpc_port}" if running and report.rpc_port > 0 else None


def _failed(report: ApplicationReport) -> ApplicationFailedError:
    return ApplicationFailedError(
        str(report.application_id),
        report.yarn_application_state.name,
        explain_application(report.diagnostics),
    )

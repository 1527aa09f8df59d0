"""A user's client of the cluster: submit, inspect and connect to applications."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import AccessDeniedError, ApplicationNotFoundError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.visibility import not_shown
from yarnhub.client.application.watch import (
    POLL_INTERVAL,
    current_address,
    ended_error,
    wait_for_report,
)
from yarnhub.client.submit import appmaster_zip
from yarnhub.client.submit.masters import ManagedMaster
from yarnhub.client.submit.submission import (
    APPLICATION_TYPE,
)
from yarnhub.client.submit.submitter import Submitter
from yarnhub.yarn.addresses import CLIENT, resource_manager
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest
from yarnhub.yarn.resource_manager import ResourceManager

# Packages that only some calls need are imported by them: importing httpx, hdfs-native and PyYAML
# takes longer than a program that reads one report.

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.files.staging import Progress
    from yarnhub.client.logs.aggregated import LogChunk, LogFile
    from yarnhub.client.logs.application import ApplicationLogs
    from yarnhub.client.logs.opened import OpenedLogs
    from yarnhub.client.logs.selection import LogSelection
    from yarnhub.client.submit.submission import MasterLaunch
    from yarnhub.spec import ApplicationSpec, Security
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

_KILL_POLL_INTERVAL = 0.05
"""Seconds between two polls of a killed application."""


class Client(Closing):
    """The cluster as one user sees it; an async context manager.

    Every method raises the errors of `yarnhub.base.errors`: `ConnectError` if the cluster cannot be
    reached, `AuthenticationError` if the user cannot be authenticated, `AccessDeniedError` if the
    user does not have permission, and `DeadlineExceededError` if there is no response in time.

    Args:
        settings: The cluster's configuration and the user.
        credentials: The user's certificate and key, from which each application's own pair is
            derived; None uses the pair in the user's configuration folder, which is created on
            first use.
    """

    def __init__(self, settings: Settings, credentials: Credentials | None = None) -> None:
        self._settings = settings
        self._own = credentials
        endpoint = resource_manager(settings.configuration, CLIENT)
        self.resource_manager = ResourceManager(endpoint, settings.user, settings.options)
        self.submitter = Submitter(settings, self.resource_manager)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.resource_manager.aclose()

    @property
    def user_name(self) -> str:
        """The caller's user name in YARN."""
        return self._settings.user_name

    def acting_for(self, name: str) -> Client:
        """A client that acts for another user; the cluster's `hadoop.proxyuser.*` must allow it."""
        return Client(self._settings.acting_for(name), self._own)

    # --- submission

    async def submit(
        self,
        spec: ApplicationSpec,
        *,
        progress: Progress | None = None,
        secrets: Mapping[str, bytes] | None = None,
        master: MasterLaunch | None = None,
        deadline: float | None = 3600.0,
    ) -> ApplicationId:
        """Submit an application; returns when YARN has accepted it.

        All files have been uploaded by then. An error or a cancellation before the submission
        leaves nothing behind; after it, the application is killed.

        Args:
            spec: What to run; local files must have absolute paths.
            progress: Called with the progress of each upload.
            secrets: Secrets for the containers of its services, in their token files: see
                `CurrentContainer.secrets`.
            master: What runs its ApplicationMaster; None for ours, in a container.
            deadline: Seconds in total, including uploads; None for no limit.

        Raises:
            SpecError: A file does not exist, or the request exceeds what the cluster has.
            ApplicationFailedError: YARN refused it, for example because of an unknown queue.
            DeadlineExceededError: YARN has not accepted it in time; the submission is undone.
        """
        if spec.user not in ("", self._settings.user_name):
            async with self.acting_for(spec.user) as other:
                return await other.submit(
                    spec, progress=progress, secrets=secrets, master=master, deadline=deadline
                )
        holders_pair = await asyncio.to_thread(self._credentials, spec.master.security)
        if master is None:
            code = await asyncio.to_thread(appmaster_zip.cached, self._settings.cache_folder)
            master = ManagedMaster(code, self._settings.python)
        async with (
            Deadline(
                deadline, lambda: f"{spec.name} was not accepted by YARN within {deadline or 0:g} s"
            ),
            self.submitter.prepared(spec, holders_pair, master, progress, secrets) as submission,
            self.submitter.submitted(submission),
        ):
            await self.submitter.accepted(submission)
        return submission.application_id

    def _credentials(self, chosen: Security | None = None) -> Credentials:
        if chosen is not None:
            return Credentials.named_by(chosen)
        return self._own or Credentials.read_or_create(self._settings.config_folder)

    # --- reports

    async def application_report(self, application_id: ApplicationId) -> ApplicationReport:
        """One application.

        Raises:
            ApplicationNotFoundError: The ResourceManager has no application with this id.
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

    async def wait(
        self, application_id: ApplicationId, *, deadline: float | None = None
    ) -> ApplicationReport:
        """Wait until an application has ended; returns its last report.

        Args:
            application_id: The application's id.
            deadline: Seconds from now; None for no limit.

        Raises:
            DeadlineExceededError: It has not ended; it continues to run.
        """
        message = f"{application_id} has not ended within {deadline or 0:g} s; it continues to run"
        async with Deadline(deadline, lambda: message):
            return await wait_for_report(
                self.resource_manager,
                application_id,
                lambda each: each.yarn_application_state.ended,
            )

    async def explain(
        self, application_id: ApplicationId, *, ask_master: bool = True
    ) -> Explanation:
        """Why an application waits, where its containers run, or how it ended.

        Cancelling leaves nothing behind.

        Args:
            application_id: The application.
            ask_master: Whether its ApplicationMaster, which only its submitter can reach, is asked
                for its services.

        Raises:
            ApplicationNotFoundError: The ResourceManager has no application with this id.
        """
        from yarnhub.client.explain.explanation import explain
        from yarnhub.client.explain.lookup import look_up

        report = await self.application_report(application_id)
        return explain(
            await look_up(
                report,
                self.resource_manager,
                self._settings,
                (lambda: self.connect(application_id, wait=False)) if ask_master else None,
            )
        )

    # --- logs

    async def logs(
        self,
        application_id: ApplicationId,
        selection: LogSelection | None = None,
        *,
        follow: bool = False,
        notice: Callable[[str], None] = lambda _: None,
    ) -> AsyncGenerator[LogChunk, None]:
        """The logs of an application's containers, byte for byte as they wrote them.

        While it runs they are read from the nodes, afterwards from the aggregated logs, which are
        waited for. Memory use is constant. Close the generator (`contextlib.aclosing`) if you leave
        it early; cancelling leaves nothing behind.

        Args:
            application_id: The application's id.
            selection: The logs to read; None for all except the files that YARN writes for each
                launch.
            follow: Whether to continue as logs grow and containers start, until the application has
                ended and its logs are complete. Otherwise only the current content is read.
            notice: Called with what is waited for, and with what cannot be read.

        Raises:
            NoSuchLogError: `selection` names a container that does not exist.
            NotBegunError: It has not started a container.
            LogsNotReadyError: It has ended, and its logs were not found.
            ConfigurationError: The cluster does not aggregate logs.
        """
        found = self._application_logs(application_id, selection, notice)
        async with contextlib.aclosing(found.follow() if follow else found.read()) as chunks:
            async for chunk in chunks:
                yield chunk

    async def log_files(
        self,
        application_id: ApplicationId,
        selection: LogSelection | None = None,
        *,
        notice: Callable[[str], None] = lambda _: None,
    ) -> Sequence[LogFile]:
        """The log files of an application, by container and name; takes the arguments of `logs`."""
        return await self._application_logs(application_id, selection, notice).files()

    def open_logs(
        self, application_id: ApplicationId, now: float
    ) -> AbstractAsyncContextManager[OpenedLogs]:
        """The logs of an application, to list them and read any part of each, for a block.

        The ApplicationMaster is not asked. See `yarnhub.client.logs.opened.open_logs`.

        Args:
            application_id: The application's id.
            now: Seconds since 1970.
        """
        from yarnhub.client.logs.opened import open_logs

        return open_logs(self, self._settings, application_id, now)

    def _application_logs(
        self,
        number: ApplicationId,
        selection: LogSelection | None,
        notice: Callable[[str], None],
    ) -> ApplicationLogs:
        from yarnhub.client.logs.application import ApplicationLogs
        from yarnhub.client.logs.selection import LogSelection

        return ApplicationLogs(self, self._settings, number, selection or LogSelection(), notice)

    # --- control

    async def kill(self, application_id: ApplicationId, *, deadline: float = 60.0) -> None:
        """Kill an application; returns when it has ended and its uploads are deleted.

        Raises:
            AccessDeniedError: It belongs to another user.
        """
        late = f"YARN has not accepted the kill of {application_id} within {deadline:g} s"
        async with Deadline(deadline, lambda: late):
            while not await self.request_kill(application_id):
                late = f"{application_id} was killed, but has not ended within {deadline:g} s"
                # The ResourceManager reports an end only when polled.
                await asyncio.sleep(_KILL_POLL_INTERVAL)
        await self.clean_up(application_id)

    async def request_kill(self, application_id: ApplicationId) -> bool:
        """Have YARN kill an application; returns whether it has ended. Its uploads remain.

        Raises:
            AccessDeniedError: It belongs to another user.
        """
        if not await self.resource_manager.force_kill_application(application_id):
            return False
        try:
            report = await self.application_report(application_id)
        except (ApplicationNotFoundError, AccessDeniedError):
            return True
        # An unmanaged one ends a moment after YARN takes its kill for done (ClientRMService).
        return report.yarn_application_state.ended

    async def clean_up(self, application_id: ApplicationId, *, deadline: float = 60.0) -> None:
        """Delete the uploads of an application, if any.

        Raises:
            DeadlineExceededError: It may still exist.
        """
        from yarnhub.client.files.file_systems import user_file_system
        from yarnhub.client.files.staging import staging_folder

        message = f"the uploaded files of {application_id} were not deleted within {deadline:g} s"
        async with (
            Deadline(deadline, lambda: message),
            user_file_system(self._settings) as file_system,
        ):
            folder = await staging_folder(file_system, application_id)
            await file_system.delete(folder, recursive=True)

    async def sweep(self, now: float, *, deadline: float = 600.0) -> tuple[ApplicationId, ...]:
        """Delete the uploads of ended applications; returns their ids.

        Runtime archives that have not been used for 90 days are also deleted.

        Args:
            now: Seconds since 1970: uploads of the last day may still be in progress.
            deadline: Seconds in total.

        Raises:
            DeadlineExceededError: Some are left for the next call.
        """
        from yarnhub.client.files.file_systems import user_file_system
        from yarnhub.client.files.staging_sweep import sweep_staging
        from yarnhub.client.submit.runtime_archive import runtime_archives

        message = f"not all files that applications left behind were deleted within {deadline:g} s"
        async with (
            Deadline(deadline, lambda: message),
            user_file_system(self._settings) as file_system,
        ):
            swept = await sweep_staging(self.resource_manager, file_system, now)
            await (await runtime_archives(file_system)).delete_unused(now)
            return swept

    async def connect(
        self,
        application_id: ApplicationId,
        *,
        wait: bool = True,
        deadline: float | None = 600.0,
        credentials: Credentials | None = None,
    ) -> ApplicationClient:
        """Connect to a running application.

        Args:
            application_id: The application's id.
            wait: Whether to wait for it to run.
            deadline: Seconds to wait; None for no limit.
            credentials: The credentials that it was submitted with, or its own; None for the
                client's.

        Raises:
            ApplicationFailedError: It has ended, or is not running and `wait` is False.
            DeadlineExceededError: It is not running yet; the message has the reason.
            AccessDeniedError: It belongs to another user, who does not share it.
        """
        from yarnhub.client.application.client import ApplicationClient

        if credentials is None:
            credentials = await asyncio.to_thread(self._credentials)
        own = await asyncio.to_thread(credentials.for_application, str(application_id))
        report: ApplicationReport | None = None

        def message() -> str:
            reason = f": {report.diagnostics.strip()}" if report and report.diagnostics else ""
            return f"{application_id} is not running after {deadline or 0:g} s{reason}"

        async with Deadline(deadline, message):
            while True:
                report = await self.application_report(application_id)
                if report.yarn_application_state is YarnApplicationState.RUNNING:
                    break
                if report.yarn_application_state.ended or not wait:
                    raise ended_error(report)
                await asyncio.sleep(POLL_INTERVAL)
        if report.rpc_port <= 0:
            raise not_shown(report, self._settings.user_name)
        return ApplicationClient(
            str(application_id),
            f"{report.host}:{report.rpc_port}",
            own,
            functools.partial(find_address, self._settings, application_id),
        )


async def find_address(settings: Settings, application_id: ApplicationId) -> str | None:
    """The current address of an ApplicationMaster; None while YARN restarts it.

    Opens a connection of its own, since the caller may outlive this client.

    Raises:
        ApplicationFailedError: The application has ended.
    """
    async with Client(settings) as client:
        return current_address(await client.application_report(application_id))

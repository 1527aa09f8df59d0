"""Submitting applications, and waiting until the ResourceManager has accepted them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    ApplicationNotFoundError,
    ConfigurationError,
    RemoteError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.client.access.trust import travelling
from yarnhub.client.application.watch import POLL_INTERVAL, ended_error, wait_for_report
from yarnhub.client.submit.checks import check_resources, check_scripts
from yarnhub.client.submit.submission import (
    Submission,
    max_attempts,
    submission_context,
)
from yarnhub.client.tokens.submission import SubmissionTokens, file_systems_of
from yarnhub.yarn.addresses import CLIENT, SCHEDULER, resource_manager, web_proxies
from yarnhub.yarn.records.applications import YarnApplicationState

# What only some submissions need is imported by them: hdfs-native takes longer to import than a
# submission without files takes in all.

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from yarnhub.client.access.credentials import Credentials
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.staging import Progress
    from yarnhub.client.submit.submission import MasterLaunch
    from yarnhub.control.bootstrap import Staging
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.resource_manager import ResourceManager

_SUBMITTING_STATES = frozenset(
    {YarnApplicationState.NEW, YarnApplicationState.NEW_SAVING, YarnApplicationState.SUBMITTED}
)

_NO_PAGE = "no protocol: N/A"
"""The error of a Router of Hadoop 3.4 for an unmanaged application: it parses the missing address
of its page as a URL.
Source: org.apache.hadoop.yarn.server.router.clientrm.FederationClientInterceptor."""


class Submitter:
    """Submits applications of one user, managed and unmanaged ones.

    Args:
        settings: The cluster and the user.
        resource_manager: A connection of this user.
    """

    def __init__(self, settings: Settings, resource_manager: ResourceManager) -> None:
        self._settings = settings
        self._resource_manager = resource_manager

    @contextlib.asynccontextmanager
    async def prepared(
        self,
        spec: ApplicationSpec,
        holders_pair: Credentials,
        master: MasterLaunch,
        progress: Progress | None = None,
        secrets: Mapping[str, bytes] | None = None,
    ) -> AsyncIterator[Submission]:
        """Create a submission and stage its files; undone on an error.

        Args:
            spec: What to run, for these settings' user.
            holders_pair: The submitter's pair, from which the application's own is derived.
            master: What runs its ApplicationMaster.
            progress: Called with the progress of each upload.
            secrets: Secrets for the token files of its services' containers.
        """
        check_scripts(spec)
        manager, configuration = self._resource_manager, self._settings.configuration
        async with SubmissionTokens(self._settings, file_systems_of(spec)) as tokens:
            async with task_group() as group:
                new = group.create_task(manager.get_new_application())
                nodes = group.create_task(manager.get_cluster_nodes())
                group.create_task(tokens.fetch())
                ready = group.create_task(master.ready_on_nodes(spec, self._settings, progress))
            check_resources(spec, new.result().maximum_capability)
            master.check_room(new.result().maximum_capability)
            application_id = new.result().application_id
            # The key goes into the token file, and nowhere else.
            spec = replace(spec, master=replace(spec.master, security=None))
            pair = await asyncio.to_thread(holders_pair.for_application, str(application_id))
            trust = await asyncio.to_thread(travelling, configuration, self._settings.trust)
            async with self._staged(spec, application_id, progress) as (staged, folder):
                yield Submission(
                    application_id=application_id,
                    spec=staged,
                    staging=await self._application_folder(folder, tokens.by_alias),
                    user=self._settings.user_name,
                    schedulers=self._addresses(SCHEDULER),
                    resource_managers=self._addresses(CLIENT),
                    web_proxies=web_proxies(configuration),
                    nodes=nodes.result(),
                    master=ready.result(),
                    certificate=pair.certificate,
                    key=pair.key,
                    tokens=tokens.by_alias,
                    language=self._settings.language,
                    simple_authentication=not self._settings.secure,
                    max_attempts=max_attempts(configuration),
                    viewer=self._settings.acting,
                    trust=trust,
                    secrets=secrets or {},
                )

    def _addresses(self, service: tuple[str, int]) -> tuple[str, ...]:
        endpoint = resource_manager(self._settings.configuration, service)
        return tuple(map(str, endpoint.addresses))

    @contextlib.asynccontextmanager
    async def submitted(self, submission: Submission) -> AsyncIterator[None]:
        """Submit an application; if this fails or is cancelled, it is killed."""
        manager = self._resource_manager
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
        from yarnhub.client.files.file_systems import UserFileSystems, user_file_system
        from yarnhub.client.files.staging import is_needed, stage, staging_folder

        if not is_needed(spec):
            yield spec, None
            return
        async with user_file_system(self._settings) as file_system:
            folder = await staging_folder(file_system, application_id)
            try:
                async with UserFileSystems(self._settings, file_system) as others:
                    staged = await stage(spec, application_id, file_system, progress, others.of)
                yield staged, folder
            except BaseException:
                with contextlib.suppress(YarnhubError):
                    await file_system.delete(folder, recursive=True)
                raise

    async def _application_folder(
        self, folder: str | None, tokens: Mapping[str, Token]
    ) -> Staging | None:
        from yarnhub.client.files.staging import application_folder

        return (
            await application_folder(folder, self._settings.configuration, tokens)
            if folder
            else None
        )

    async def accepted(self, submission: Submission) -> None:
        """Wait until YARN has accepted an application.

        Raises:
            ApplicationFailedError: YARN refused it, with its reason.
        """
        report = await self._once_submitted(
            submission, lambda each: each.yarn_application_state not in _SUBMITTING_STATES
        )
        if report.yarn_application_state in (
            YarnApplicationState.FAILED,
            YarnApplicationState.KILLED,
        ):
            raise ended_error(report)

    async def am_rm_token(self, submission: Submission, *, deadline: float = 120.0) -> Token:
        """The AMRMToken of an unmanaged application, once YARN waits for its AM to register.

        YARN returns it only to the application's user, and only until the registration.

        Args:
            submission: The application's submission; YARN has accepted it.
            deadline: Seconds from now; a ResourceManager may have failed meanwhile.

        Raises:
            ApplicationFailedError: YARN refused the application, with its reason.
            DeadlineExceededError: YARN runs it but returns no token.
            ConfigurationError: The Router of a federation does not support it.
        """
        last: ApplicationReport | None = None

        def has_token(report: ApplicationReport) -> bool:
            nonlocal last
            last = report
            return report.am_rm_token is not None or report.yarn_application_state.ended

        def message() -> str:
            reason = f": {last.diagnostics.strip()}" if last and last.diagnostics.strip() else ""
            return (
                f"YARN issued no token for {submission.application_id}, an unmanaged application,"
                f" within {deadline:g} s{reason}"
            )

        try:
            async with Deadline(deadline, message):
                report = await self._once_submitted(submission, has_token)
        except RemoteError as error:
            if _NO_PAGE not in error.message:
                raise
            raise ConfigurationError(
                f"the federation's Router at {error.address} fails on every unmanaged application"
                f" (a bug of Hadoop's Router): submit it to "
                'YARN (managed); JupyterHub does with c.YarnSpawner.application_master = "cluster"'
            ) from error
        if report.am_rm_token is None:
            raise ended_error(report)
        return report.am_rm_token

    async def _once_submitted(
        self, submission: Submission, wanted: Callable[[ApplicationReport], bool]
    ) -> ApplicationReport:
        while True:
            try:
                return await wait_for_report(
                    self._resource_manager, submission.application_id, wanted
                )
            except ApplicationNotFoundError:
                # The ResourceManager failed before it had saved it, and another one took over.
                await self._resource_manager.submit_application(submission_context(submission))
                await asyncio.sleep(POLL_INTERVAL)

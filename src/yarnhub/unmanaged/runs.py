"""What runs a process's applications, each of them to its end."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.actions import Finish
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.shell.agent_program import token_agent
from yarnhub.appmaster.shell.heartbeat import HeartbeatTimer
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ApplicationNotFoundError, YarnhubError
from yarnhub.base.retry import RetryPolicy
from yarnhub.client.files.staging import has_files
from yarnhub.client.tokens.submission import file_systems_of
from yarnhub.control import diagnostics
from yarnhub.control.messages import FinalStatus
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.yarn.addresses import SCHEDULER, resource_manager
from yarnhub.yarn.node_manager import NodeManagers, patient_options
from yarnhub.yarn.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client
    from yarnhub.client.tokens.keeper import TokenKeeper
    from yarnhub.unmanaged.application import UnmanagedApplication
    from yarnhub.unmanaged.state_folder import StateFolder

_log = logging.getLogger(__name__)

_RERUN = RetryPolicy(first_delay=1.0, max_delay=60.0)
"""When an application is taken over that a fault has dropped. YARN waits ten times as long."""
_RETRY_PAUSE = 60.0
"""Seconds until tokens that were not had are asked for again; the submission's serve as long."""
_CLEAN_UP_TIMEOUT = 30.0
"""Seconds for what is done for an application that has ended."""
_FORGOTTEN = Outcome(cause=Cause.FORGOTTEN, subject=Subject.APPLICATION)


@dataclass(frozen=True, slots=True)
class Run:
    """One application's run, from its registration or where the run before it was cut off."""

    runner: Runner
    scheduler: Scheduler
    nodes: NodeManagers

    async def run(self, host: str, port: int) -> Finish | None:
        """See `Runner.run`; YARN has been told of the end that it returns."""
        async with self.scheduler, self.nodes:
            try:
                finish = await self.runner.run(host, port)
            finally:
                self.runner.abandon()
            if finish is not None:
                await self.runner.unregister(finish)
        return finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs applications to their ends, each by itself.

    Attributes:
        settings: Where the cluster is and who this process is.
        folder: Where applications are kept.
        tokens: Keeps their delegation tokens fresh.
        client: A client that acts for a user.
        host: Where containers reach this process,
        port: and at which port.
        idle: Seconds between an idle application's heartbeats.
    """

    settings: Settings
    folder: StateFolder
    tokens: TokenKeeper
    client: Callable[[str], Client]
    host: str
    port: int
    idle: float

    def begin(self, application: UnmanagedApplication) -> Run:
        """Make what runs an application, which has its AMRMToken."""
        token = application.am_rm_token
        assert token is not None
        settings, submitted = self.settings, application.submitted
        schedulers = resource_manager(settings.configuration, SCHEDULER).addresses
        scheduler = Scheduler(schedulers, token, settings.options)
        nodes = NodeManagers(patient_options(settings.options))
        address = f"{self.host}:{self.port}"
        agent = b"" if submitted.simple_authentication else token_agent()
        application.runner = runner = Runner(
            application.core,
            scheduler,
            nodes,
            ContextBuilder(submitted, address, application.credentials, agent),
            time.time,  # noqa: TID251  # whoever holds applications owns the clock
            application.journal,
            heartbeat=HeartbeatTimer(self.idle),
        )
        return Run(runner, scheduler, nodes)

    async def run(self, application: UnmanagedApplication, first: Run) -> Finish:
        """Run an application to its end; returns how it ended, with nothing of it left."""
        finish: Finish | None = None
        run: Run | None = first
        repetitions = itertools.count()
        while run is not None:
            try:
                finish = await run.run(self.host, self.port)
                run = None
            except Exception as error:  # noqa: BLE001  # whatever it is, its containers run on
                ours = not isinstance(error, YarnhubError)
                _log.warning("%s is taken over anew: %s", application.id, error, exc_info=ours)
                run = await self._run_anew(application, _RERUN.delay(next(repetitions), 1.0))
        while finish is None:
            finish = await self.ended_by_yarn(application)
            if finish is None:
                await asyncio.sleep(_RETRY_PAUSE)
        await self.clean_up(application)
        return finish

    async def _run_anew(self, application: UnmanagedApplication, pause: float) -> Run | None:
        """What runs an application from what is recorded of it; None if YARN has ended it."""
        application.runner = None
        while True:
            await asyncio.sleep(pause)
            try:
                if await self._is_over(application):
                    return None
                await application.restore()
                return self.begin(application)
            except Exception as error:  # noqa: BLE001  # see `run`
                ours = not isinstance(error, YarnhubError)
                _log.warning(
                    "%s cannot be taken over yet: %s", application.id, error, exc_info=ours
                )
                pause = max(pause, _RETRY_PAUSE)

    async def _is_over(self, application: UnmanagedApplication) -> bool:
        """Whether YARN has ended an application; False if it cannot be asked."""
        try:
            async with _in_time():
                report = await self.client(application.user).application_report(
                    application.application_id
                )
        except ApplicationNotFoundError:
            return True
        except YarnhubError:
            return False
        return report.yarn_application_state.ended

    async def keep_tokens(self, application: UnmanagedApplication) -> None:
        """Give an application fresh tokens until it has ended."""
        if application.runner is not None:
            await application.runner.begun.wait()
        while not application.over:
            try:
                async with self.tokens.kept(
                    application.user, file_systems_of(application.spec)
                ) as kept:
                    await application.keep_tokens(kept)
            except Exception as error:  # noqa: BLE001  # a fault of ours leaves it without tokens
                ours = not isinstance(error, YarnhubError)
                _log.warning("%s has no fresh tokens yet: %s", application.id, error, exc_info=ours)
                await asyncio.sleep(_RETRY_PAUSE)

    async def ended_by_yarn(self, application: UnmanagedApplication) -> Finish | None:
        """How an application ended that is not ours any more; None if YARN cannot be asked."""
        client = self.client(application.user)
        try:
            async with _in_time():
                await client.resource_manager.force_kill_application(application.application_id)
                report = await client.wait(application.application_id)
        except ApplicationNotFoundError:
            return Finish(FinalStatus.UNDEFINED, _FORGOTTEN)
        except YarnhubError as error:
            _log.warning("%s may run on: %s", application.id, error)
            return None
        status = FinalStatus[report.final_application_status.name]
        return Finish(status, diagnostics.read(report.diagnostics))

    async def clean_up(self, application: UnmanagedApplication) -> None:
        """Forget an application that has ended, unless its uploads cannot be deleted now."""
        try:
            async with _in_time():
                if has_files(application.spec):
                    await self.client(application.user).clean_up(application.application_id)
                await asyncio.to_thread(self.folder.forget, application.id)
        except (YarnhubError, OSError) as error:
            _log.warning("what %s uploaded is still there: %s", application.id, error)


def _in_time() -> Deadline:
    return Deadline(_CLEAN_UP_TIMEOUT, f"no response within {_CLEAN_UP_TIMEOUT:g} s")

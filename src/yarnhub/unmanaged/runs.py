"""Runs the applications of a process until they end."""

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
"""Delays before an application is taken over after an error. YARN waits ten times as long."""
_RETRY_PAUSE = 60.0
"""Seconds until tokens are requested again after an error; meanwhile the submission's are used."""
_CLEAN_UP_TIMEOUT = 30.0
"""Seconds for the clean-up of an application that has ended."""
_FORGOTTEN = Outcome(cause=Cause.FORGOTTEN, subject=Subject.APPLICATION)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an application, from its registration or the interruption of the previous run."""

    runner: Runner
    scheduler: Scheduler
    nodes: NodeManagers

    async def run(self, host: str, port: int) -> Finish | None:
        """See `Runner.run`; an end that it returns has been reported to YARN."""
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
    """Runs applications until they end, independently of each other.

    Attributes:
        settings: The cluster's configuration and this process's user.
        folder: The folder with the applications' state.
        tokens: Keeps their delegation tokens fresh.
        client: A client that acts for a user.
        host: The host name at which containers reach this process.
        port: The port.
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
        """Create the run of an application, which has its AMRMToken."""
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
            time.time,  # noqa: TID251  # the holder of applications owns the clock
            application.journal,
            heartbeat=HeartbeatTimer(self.idle),
        )
        return Run(runner, scheduler, nodes)

    async def run(self, application: UnmanagedApplication, first: Run) -> Finish:
        """Run an application until it ends, and clean up; returns how it ended."""
        finish: Finish | None = None
        run: Run | None = first
        repetitions = itertools.count()
        while run is not None:
            try:
                finish = await run.run(self.host, self.port)
                run = None
            except Exception as error:  # noqa: BLE001  # whatever it is, its containers run on
                ours = not isinstance(error, YarnhubError)
                _log.warning("%s is taken over again: %s", application.id, error, exc_info=ours)
                run = await self._run_anew(application, _RERUN.delay(next(repetitions), 1.0))
        while finish is None:
            finish = await self.force_kill(application)
            if finish is None:
                await asyncio.sleep(_RETRY_PAUSE)
        await self.clean_up(application)
        return finish

    async def _run_anew(self, application: UnmanagedApplication, pause: float) -> Run | None:
        """The next run of an application, from its journal; None if YARN has ended it."""
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
        """Whether YARN has ended an application; False if unknown."""
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
        """Pass fresh tokens to an application until it has ended."""
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

    async def force_kill(self, application: UnmanagedApplication) -> Finish | None:
        """Kill an application that this process no longer runs; returns how it ended.

        None means that YARN did not respond, and that it may still be running.
        """
        client = self.client(application.user)
        try:
            async with _in_time():
                await client.resource_manager.force_kill_application(application.application_id)
                report = await client.wait(application.application_id)
        except ApplicationNotFoundError:
            return Finish(FinalStatus.UNDEFINED, _FORGOTTEN)
        except YarnhubError as error:
            _log.warning("%s may still be running: %s", application.id, error)
            return None
        status = FinalStatus[report.final_application_status.name]
        return Finish(status, diagnostics.read(report.diagnostics))

    async def clean_up(self, application: UnmanagedApplication) -> None:
        """Delete the state of an ended application, unless its uploads cannot be deleted now."""
        try:
            async with _in_time():
                if has_files(application.spec):
                    await self.client(application.user).clean_up(application.application_id)
                await asyncio.to_thread(self.folder.forget, application.id)
        except (YarnhubError, OSError) as error:
            _log.warning("the uploads of %s could not be deleted: %s", application.id, error)


def _in_time() -> Deadline:
    return Deadline(_CLEAN_UP_TIMEOUT, f"no response within {_CLEAN_UP_TIMEOUT:g} s")

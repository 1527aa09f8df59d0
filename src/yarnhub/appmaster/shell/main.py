"""The entry point of an ApplicationMaster's process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.core.events import MasterScriptEnded
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.agent_program import token_agent
from yarnhub.appmaster.shell.application_folder import ApplicationFolder
from yarnhub.appmaster.shell.journal.recorder import restore
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.appmaster.shell.scheduler import RegisteredScheduler, scheduler_addresses
from yarnhub.appmaster.shell.script import run_script
from yarnhub.appmaster.shell.server.admission import OwnAdmission
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.appmaster.shell.tokens import EarlyRequests, OwnTokens
from yarnhub.appmaster.shell.web.site import Site
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import AuthenticationError, ConfigurationError, ControlError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.control import bootstrap, environment
from yarnhub.control import json as control_json
from yarnhub.hadoop.token_file import read_token_file
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, TokenStorage
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.node_manager import NodeManagers
from yarnhub.yarn.records.ids import ContainerId
from yarnhub.yarn.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.appmaster.shell.journal.recorder import Journal
    from yarnhub.appmaster.shell.scheduler import SchedulerPort
    from yarnhub.control.messages import UpdateTokens

_log = logging.getLogger("yarnhub.appmaster")

_TOKEN_FILE = "HADOOP_TOKEN_FILE_LOCATION"  # noqa: S105  # a variable's name
_TOKEN_WAIT = 300.0
"""Seconds to wait for fresh tokens: YARN ends an AM without a heartbeat for 900 s."""
_LEVELS = {"ALL": 1, "TRACE": 5, "WARN": logging.WARNING, "FATAL": logging.CRITICAL, "OFF": 100}


def main() -> int:
    """Run the application in the token file; returns the exit code."""
    try:
        return asyncio.run(_main(os.environ))
    except YarnhubError as error:
        _log.error("%s", error)
        return 1


async def _main(env: Mapping[str, str]) -> int:
    credentials = _read_credentials(env)
    submitted = control_json.load(
        bootstrap.SubmittedApplication, credentials.secrets[bootstrap.APPLICATION]
    )
    spec = ApplicationSpec.from_json(submitted.specification)
    logging.basicConfig(
        stream=sys.stderr,
        level=_LEVELS.get(spec.master.log_level.name, spec.master.log_level.name),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    token = credentials.find(AMRM_TOKEN)
    if token is None:
        raise ConfigurationError(
            "the token file has no AMRMToken: this process was not started by YARN"
        )
    host = env.get("NM_HOST", "localhost")
    application = Application(spec, submitted.specification, Topology(racks=submitted.racks))
    attempt = Attempt.of(env, submitted.attempts)
    folder = ApplicationFolder.of(submitted, credentials)
    early = EarlyRequests()

    async with contextlib.AsyncExitStack() as stack:
        admission = OwnAdmission(
            credentials.secrets[bootstrap.CERTIFICATE],
            credentials.secrets[bootstrap.KEY],
            early.begin,
            application.budgets,
        )
        port = await stack.enter_async_context(serve(admission, host))
        site = Site.of(application, submitted, env, time.time)
        web_port = await stack.enter_async_context(site.serve(host))
        agent = b"" if submitted.simple_authentication else token_agent()
        contexts = ContextBuilder(submitted, f"{host}:{port}", credentials, agent)
        endpoint = (host, port, f"http://{host}:{web_port}")
        addresses = await asyncio.to_thread(scheduler_addresses, submitted.schedulers, env)
        scheduler: SchedulerPort = await stack.enter_async_context(Scheduler(addresses, token))
        journal, late = None, None
        if spec.max_attempts > 1:
            try:
                journal = await _restore(application, attempt, folder)
            except AuthenticationError as error:
                _log.warning("waiting for fresh tokens: %s", error)
                scheduler = RegisteredScheduler(scheduler, await scheduler.register(*endpoint))
                late = await _late_tokens(early, folder, error)
                contexts = contexts.with_tokens(late.tokens)
                journal = await _restore(application, attempt, folder)
        runner = Runner(
            application,
            scheduler,
            await stack.enter_async_context(NodeManagers()),
            contexts,
            time.time,  # this entry point owns the clock
            journal,
            OwnTokens(Path(env[_TOKEN_FILE]), folder),
        )
        early.pass_on(runner.begin)
        finish = await _run(runner, spec, endpoint, contexts, env, late)
        if finish is None:
            return 1
        if finish.retriable and not attempt.last:
            _log.info("failed, to be retried: %s", finish.diagnostics)
            if journal is not None:
                await journal.delete()
            return 1
        await runner.unregister(finish)
    if folder is not None:
        await folder.delete()
    return 0


async def _restore(
    application: Application, attempt: Attempt, folder: ApplicationFolder | None
) -> Journal | None:
    """Take over the records of an earlier attempt; returns the journal to continue.

    Raises:
        YarnhubError: Records may exist, but cannot be read.
    """
    if folder is None:
        _log.warning(
            "max_attempts: what runs will not be taken over by the next attempt, which starts "
            "from scratch: that needs HDFS as fs.defaultFS"
        )
        return None
    journal = folder.journal(attempt.number)
    try:
        if await restore(application, journal):
            _log.info("attempt %d takes over", attempt.number)
    except YarnhubError as error:
        if attempt.number > 1:
            raise
        _log.error(
            "the next attempt would start from the beginning, as nothing can be recorded: %s", error
        )
        return None
    return journal


async def _late_tokens(
    early: EarlyRequests, folder: ApplicationFolder | None, expired: AuthenticationError
) -> UpdateTokens:
    """Wait for tokens, and open the application's folder with them; see `EarlyRequests`."""
    async with Deadline(_TOKEN_WAIT, expired):
        given = await early.tokens()
    if folder is not None:
        folder.use_tokens(TokenStorage.read(given.tokens).tokens)
    return given


async def _run(
    runner: Runner,
    spec: ApplicationSpec,
    endpoint: tuple[str, int, str],
    contexts: ContextBuilder,
    env: Mapping[str, str],
    late: UpdateTokens | None,
) -> Finish | None:
    async def bring(tokens: UpdateTokens) -> None:
        await runner.begun.wait()
        with contextlib.suppress(ControlError):  # it has ended
            await runner.ask(tokens)

    async def script() -> None:
        variables = {
            **{key: value for key, value in env.items() if key != "CLASSPATH"},
            environment.APPMASTER_ADDRESS: contexts.address,
            environment.APPLICATION_ID: contexts.application.application_id,
            environment.RESOURCE_VCORES: str(spec.master.resources.vcores),
            environment.RESOURCE_MEMORY: str(spec.master.resources.memory),
        }
        log = Path(env["LOG_DIRS"].split(",")[0]) / "application.driver.log"
        code = await run_script(spec.master.script, Path.cwd(), log, variables)
        runner.feed(MasterScriptEnded(code))

    async with task_group() as group:
        application = group.create_task(runner.run(*endpoint), name="application")
        if late is not None:
            bringing = group.create_task(bring(late), name="pass tokens")
            application.add_done_callback(lambda _: bringing.cancel())
        if spec.master.script:
            beside = group.create_task(script(), name="master script")
            application.add_done_callback(lambda _: beside.cancel())
    return application.result()


@dataclass(frozen=True, slots=True)
class Attempt:
    """The number of this attempt."""

    number: int
    last: bool
    """Whether it is the last attempt."""

    @classmethod
    def of(cls, env: Mapping[str, str], attempts: int) -> Attempt:
        """The attempt in YARN's variable."""
        number = ContainerId.parse(env["CONTAINER_ID"]).app_attempt_id.attempt_id
        return cls(number, number >= attempts)


def _read_credentials(env: Mapping[str, str]) -> TokenStorage:
    path = env.get(_TOKEN_FILE)
    if not path:
        raise ConfigurationError(
            f"{_TOKEN_FILE} is not set: an ApplicationMaster runs in a YARN container"
        )
    return read_token_file(Path(path))


if __name__ == "__main__":
    sys.exit(main())

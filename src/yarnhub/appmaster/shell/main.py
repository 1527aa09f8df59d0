"""Where an ApplicationMaster's process begins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.core.events import MasterScriptEnded
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.appmaster.shell.script import run_script
from yarnhub.appmaster.shell.server import serve
from yarnhub.appmaster.shell.tls import OwnDoor
from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.control import bootstrap, environment
from yarnhub.control import json as control_json
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.node_manager import NodeManagers
from yarnhub.yarn.scheduler import AMRM_TOKEN, Scheduler

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("yarnhub.appmaster")

_LEVELS = {"ALL": 1, "TRACE": 5, "WARN": logging.WARNING, "FATAL": logging.CRITICAL, "OFF": 100}


def main() -> int:
    """Run the application that the token file describes; returns the exit code."""
    try:
        asyncio.run(_main(os.environ))
    except YarnhubError as error:
        _log.error("%s", error)
        return 1
    return 0


async def _main(env: Mapping[str, str]) -> None:
    credentials = _read_credentials(env)
    submitted = control_json.load(bootstrap.Application, credentials.secrets[bootstrap.APPLICATION])
    spec = ApplicationSpec.from_dict(json.loads(submitted.specification))
    logging.basicConfig(
        stream=sys.stderr,
        level=_LEVELS.get(spec.master.log_level.name, spec.master.log_level.name),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    token = credentials.find(AMRM_TOKEN)
    if token is None:
        raise ConfigurationError("the token file holds no AMRMToken: YARN did not start this")
    host = env.get("NM_HOST", "localhost")
    runner: Runner | None = None

    async with contextlib.AsyncExitStack() as stack:
        # The server must listen before the address is known, and is asked only after.
        door = OwnDoor(
            credentials.secrets[bootstrap.CERTIFICATE],
            credentials.secrets[bootstrap.KEY],
            lambda request: _expect(runner).ask(request),
        )
        port = await stack.enter_async_context(serve(door, host))
        contexts = ContextBuilder(submitted, f"{host}:{port}", credentials)
        schedulers = [Address.parse(text) for text in submitted.schedulers]
        runner = Runner(
            Application(spec, submitted.specification, Topology(racks=submitted.racks)),
            await stack.enter_async_context(Scheduler(schedulers, token)),
            await stack.enter_async_context(NodeManagers()),
            contexts,
            time.time,  # this entry point owns the clock
        )
        await _run(runner, spec, host, port, contexts, env)


def _expect(runner: Runner | None) -> Runner:
    assert runner is not None
    return runner


async def _run(
    runner: Runner,
    spec: ApplicationSpec,
    host: str,
    port: int,
    contexts: ContextBuilder,
    env: Mapping[str, str],
) -> None:
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
        application = group.create_task(runner.run(host, port), name="application")
        if spec.master.script:
            beside = group.create_task(script(), name="master script")
            application.add_done_callback(lambda _: beside.cancel())


def _read_credentials(env: Mapping[str, str]) -> Credentials:
    path = env.get("HADOOP_TOKEN_FILE_LOCATION")
    if not path:
        raise ConfigurationError(
            "HADOOP_TOKEN_FILE_LOCATION is not set: an ApplicationMaster runs in a YARN container"
        )
    return Credentials.read(Path(path).read_bytes())


if __name__ == "__main__":
    sys.exit(main())

"""The launcher's program.

It starts the kernel before anything else: its own connections, TLS and an event loop need as much
time as Python itself.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.control import bootstrap, environment, json
from yarnhub.hadoop.token_file import read_token_file
from yarnhub.kernels.launcher.descendants import adopt_orphans
from yarnhub.kernels.launcher.process import KernelProcess
from yarnhub.kernels.protocol import LAUNCH, Launch

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from yarnhub.hadoop.wire.tokens import TokenStorage

OWN_PYTHON = "own-python"
"""An argument: the kernel's `python` is the one that runs this program."""
LOCATE = "locate"
"""An argument: print where the application is held, and end."""
_LOCATE_TIMEOUT = 300.0
"""Seconds to ask ResourceManagers, of which one may be starting."""
_TERMINATED = 143
"""The exit code of what SIGTERM has ended."""


def main() -> int:
    """Run the launcher of the container that this process is in; returns its exit code."""
    variables = os.environ  # noqa: TID251  # this is an entry point
    try:
        found = read_token_file(Path(variables["HADOOP_TOKEN_FILE_LOCATION"]))
        if LOCATE in sys.argv:
            sys.stdout.write(locate(found, variables))
            return 0
        launch = json.load(Launch, bootstrap.given_secrets(found.secrets)[LAUNCH])
    except (OSError, YarnhubError, KeyError) as error:
        say(f"this is not a container of a kernel: {error!r}")
        return 1
    # The kernel is in the same process group, and may interrupt all of it at any time.
    signal.signal(signal.SIGINT, lambda *_: None)
    adopt_orphans()
    python = sys.executable if OWN_PYTHON in sys.argv else ""
    process = KernelProcess(launch, Path.cwd(), variables, python)
    process.start(1)
    return run(process, launch, found, variables)


def run(
    process: KernelProcess, launch: Launch, found: TokenStorage, variables: Mapping[str, str]
) -> int:
    """Look after a kernel that has been started, until SIGTERM."""
    import asyncio

    from yarnhub.base.background import BackgroundTasks
    from yarnhub.base.tasks import task_group
    from yarnhub.kernels.launcher.link import Link
    from yarnhub.kernels.launcher.output import Output
    from yarnhub.kernels.launcher.requests import Requests
    from yarnhub.kernels.launcher.supervisor import Supervisor

    async def serve_requests(link: Link, tasks: BackgroundTasks) -> None:
        try:
            await Requests(link.connect_request, tasks).serve()
        except OSError as error:  # it runs without
            say(f"the kernel cannot ask for anything: {error}")

    async def serve() -> None:
        changed, terminated = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
        clock = time.time  # noqa: TID251  # this is an entry point
        output = Output(launch.history, clock, changed.set)
        async with BackgroundTasks() as tasks, task_group() as group:
            ended = terminated.set if launch.once else lambda: None
            supervisor = Supervisor(process, output, changed, tasks, say, ended)
            link = Link(
                supervisor,
                output,
                context=tls_context(found.secrets),
                name=bootstrap.server_name(variables[environment.APPLICATION_ID]),
                address=variables[environment.APPMASTER_ADDRESS],
                locate=functools.partial(asyncio.to_thread, locate_elsewhere),
                say=say,
            )
            requests = group.create_task(serve_requests(link, tasks))
            orders = group.create_task(supervisor.run())
            connections = group.create_task(link.run())
            await terminated.wait()
            say("this container ends")
            orders.cancel()
            await supervisor.end()
            requests.cancel()
            connections.cancel()

    asyncio.run(serve())
    code = process.code if launch.once else None
    return code if code is not None and code >= 0 else _TERMINATED


def say(text: str) -> None:
    """Write a line into the container's log; where the disk is full, the kernel runs without it."""
    try:
        print(f"yarnhub: {text}", file=sys.stderr, flush=True)  # noqa: T201  # the container's log
    except (OSError, ValueError):
        return


def tls_context(secrets: Mapping[str, bytes]) -> ssl.SSLContext:
    """TLS with the application's own pair, which both sides have."""
    import ssl

    from yarnhub.base.tls_pair import load_pair

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it trusts this one certificate, whatever its name
    context.load_verify_locations(cadata=secrets[bootstrap.CERTIFICATE].decode())
    load_pair(context, secrets[bootstrap.CERTIFICATE], secrets[bootstrap.KEY])
    return context


def locate_elsewhere() -> str:
    """`locate`, in a process of its own: that needs more memory, and for a moment only."""
    command = [sys.executable, "-IS", sys.argv[0], LOCATE]
    try:
        # Its exit code may have been reaped by the supervisor: what it prints counts.
        found = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_LOCATE_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()


def locate(found: TokenStorage, variables: Mapping[str, str]) -> str:
    """`host:port` of the process that holds the container's application; empty if none does.

    Raises:
        YarnhubError: No ResourceManager can be asked.
    """
    import asyncio

    from yarnhub.yarn.from_container import own_report
    from yarnhub.yarn.records.applications import YarnApplicationState

    report = asyncio.run(
        own_report(
            found,
            found.secrets.get(bootstrap.RESOURCE_MANAGERS),
            variables[environment.APPLICATION_ID],
            variables.get("HADOOP_USER_NAME"),
        )
    )
    running = report.yarn_application_state is YarnApplicationState.RUNNING
    return f"{report.host}:{report.rpc_port}" if running and report.rpc_port > 0 else ""

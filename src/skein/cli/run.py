"""`skein application run`: runs an application with its ApplicationMaster in the command."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from skein.cli.parsers import add_command

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers
    from yarnhub.client.access.settings import Settings
    from yarnhub.spec import ApplicationSpec

# The engine is imported by the handler: it takes longer than `--help` may.

_TERMINATED = 143
"""The exit code that shells report after SIGTERM."""
_REPORT_TIMEOUT = 10.0
"""Seconds that YARN has to report the end of an application."""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    run = add_command(
        commands,
        "run",
        "run an application until it has ended, with its ApplicationMaster in this process (with "
        "Kerberos: on the cluster); fails unless the application succeeds; Ctrl-C stops it",
        _run,
    )
    run.add_argument("spec", help="the specification, a .yaml, .yml or .json file")
    run.add_argument(
        "--host",
        help="the name under which containers can reach this machine; default: its own name",
    )


def _run(arguments: argparse.Namespace) -> None:
    import asyncio

    from skein.cli import clients
    from skein.cli.specification_file import named_in_errors

    with named_in_errors(arguments.spec):
        try:
            clients.run(_run_here(arguments.spec, arguments.host))
        except asyncio.CancelledError:
            sys.exit(_TERMINATED)


async def _run_here(path: str, host: str | None) -> None:
    import asyncio
    import signal

    from skein.cli import clients
    from yarnhub.client.submit.spec_file import read_spec_file

    own_task = asyncio.current_task()
    assert own_task is not None
    # As with Ctrl-C, ending the command ends the application.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, own_task.cancel)
    spec, settings = read_spec_file(path), clients.settings()
    if settings.acting_for(spec.user).by_principal:
        # YARN does not issue a token for an unmanaged application to this login.
        await _follow(spec, settings)
    else:
        await _hold(spec, settings, host)


async def _hold(spec: ApplicationSpec, settings: Settings, host: str | None) -> None:
    """Run the ApplicationMaster in this process until the application has ended."""
    import tempfile

    from skein.cli.progress_bar import progress_on
    from yarnhub.base.errors import YarnhubError
    from yarnhub.client.client import Client
    from yarnhub.client.errors import ApplicationFailedError
    from yarnhub.control.messages import FinalStatus
    from yarnhub.unmanaged import UnmanagedApplications

    with tempfile.TemporaryDirectory() as folder:
        async with UnmanagedApplications(settings, folder=Path(folder), host=host) as applications:
            with progress_on(sys.stderr) as progress:
                application = await applications.submit(spec, progress=progress, deadline=None)
            try:
                print(application.id, flush=True)
                finish = await application.ended()
            except BaseException:
                await application.kill()
                raise
    async with Client(settings) as client:
        # YARN has taken note of the end, and reports it a moment later.
        with contextlib.suppress(YarnhubError):
            await client.wait(application.application_id, deadline=_REPORT_TIMEOUT)
    if finish.status is not FinalStatus.SUCCEEDED:
        raise ApplicationFailedError(application.id, finish.status.value, finish.outcome)


async def _follow(spec: ApplicationSpec, settings: Settings) -> None:
    """Run the ApplicationMaster on the cluster, and wait until the application has ended."""
    from skein.cli.progress_bar import progress_on
    from yarnhub.client.application.watch import ended_error
    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import FinalApplicationStatus

    async with Client(settings) as client:
        with progress_on(sys.stderr) as progress:
            application_id = await client.submit(spec, progress=progress)
        try:
            print(application_id, flush=True)
            report = await client.wait(application_id)
        except BaseException:
            await client.kill(application_id)
            raise
    if report.final_application_status is not FinalApplicationStatus.SUCCEEDED:
        raise ended_error(report)

"""`skein application`: submit, inspect and stop applications."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from skein.cli import explain, logs, run
from skein.cli.parsers import add_application, add_command, add_group, add_output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from skein.cli.parsers import Subparsers
    from yarnhub.yarn.records.applications import ApplicationReport

# The engine is imported by the handlers: it takes longer than `--help` may.

_STATES = (
    "NEW",
    "NEW_SAVING",
    "SUBMITTED",
    "ACCEPTED",
    "RUNNING",
    "FINISHED",
    "FAILED",
    "KILLED",
)
_STATUSES = ("SUCCEEDED", "FAILED", "KILLED", "UNDEFINED")


def add_parser(subparsers: Subparsers) -> None:
    """Add `application` and its commands."""
    commands = add_group(subparsers, "application", "submit, inspect and stop applications")
    submit = add_command(commands, "submit", "submit an application and print its id", _submit)
    submit.add_argument("spec", help="the specification, a .yaml, .yml or .json file")
    add_output(submit, "text")
    run.add_parser(commands)
    _add_list(commands)
    status = add_command(commands, "status", "show one application", _status)
    add_application(status, current=False)
    add_output(status)
    wait = add_command(
        commands, "wait", "wait until an application has ended; fails unless it succeeded", _wait
    )
    add_application(wait, current=False)
    wait.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="give up after this time; default: never"
    )
    logs.add_parser(commands)
    explain.add_parser(commands)
    move = add_command(commands, "mv", "move an application to another queue", _move)
    add_application(move, current=False)
    move.add_argument("queue", help="the queue's name")
    kill = add_command(commands, "kill", "kill an application", _kill)
    add_application(kill, current=False)
    kill.add_argument("--user", default="", help="the user to act for; default: you")
    shutdown = add_command(
        commands, "shutdown", "shut an application down in an orderly way", _shut_down
    )
    add_application(shutdown)
    shutdown.add_argument(
        "--status",
        default="SUCCEEDED",
        type=str.upper,
        choices=_STATUSES,
        help="the final status; default: SUCCEEDED",
    )
    shutdown.add_argument("--diagnostics", default="", help="the application's diagnostics")
    sweep = add_command(commands, "sweep", "delete the uploads of your ended applications", _sweep)
    add_output(sweep, "text")
    specification = add_command(
        commands,
        "specification",
        "print the specification of a running application",
        _specification,
    )
    add_application(specification)
    add_output(specification, "yaml")


def _add_list(commands: Subparsers) -> None:
    listing = add_command(
        commands, "ls", "list applications; by default those that have not ended", _list
    )
    listing.add_argument("-a", "--all", action="store_true", help="include all states")
    listing.add_argument(
        "-s",
        "--state",
        action="append",
        type=str.upper,
        choices=_STATES,
        help="only in this state; can be repeated",
    )
    listing.add_argument("--name", help="only with this name")
    listing.add_argument("--queue", help="only in this queue")
    listing.add_argument("--user", help="only of this user")
    for event in "started", "finished":
        for end, summary in ("begin", "not before"), ("end", "not after"):
            listing.add_argument(
                f"--{event}-{end}",
                metavar="TIME",
                help=f"{event} {summary} this time: '2026-01-31', '2026-01-31 12:00[:30]', or "
                "'12:00[:30]' for today",
            )
    add_output(listing)


def _submit(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from skein.cli.progress_bar import progress_on
    from skein.cli.specification_file import named_in_errors
    from yarnhub.client.submit.spec_file import read_spec_file

    async def submit() -> None:
        spec = read_spec_file(arguments.spec)
        async with clients.cluster() as client:
            with progress_on(sys.stderr) as progress:
                app_id = await client.submit(spec, progress=progress)
        if arguments.output == "json":
            from skein.cli.json_output import to_json

            print(to_json({"id": str(app_id)}))
        else:
            print(app_id)

    with named_in_errors(arguments.spec):
        clients.run(submit())


def _sweep(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def sweep() -> None:
        async with clients.cluster() as client:
            swept = await client.sweep(time.time())  # noqa: TID251  # commands have the clock
        if arguments.output == "json":
            from skein.cli.json_output import to_json

            print(to_json(tuple(map(str, swept))))
        else:
            print("".join(f"{application}\n" for application in swept), end="")

    clients.run(sweep())


def _list(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from yarnhub.client.applications import find_applications
    from yarnhub.client.filters import ApplicationFilters

    states: tuple[str, ...] | None = None
    if arguments.state:
        states = tuple(arguments.state)
    elif arguments.all:
        states = _STATES
    filters = ApplicationFilters.parse(
        states=states,
        name=arguments.name,
        queue=arguments.queue,
        user=arguments.user,
        started_begin=arguments.started_begin,
        started_end=arguments.started_end,
        finished_begin=arguments.finished_begin,
        finished_end=arguments.finished_end,
    )

    async def list_applications() -> None:
        async with clients.cluster() as client:
            reports = await find_applications(client, filters)
        _show(reports, arguments.output)

    clients.run(list_applications())


def _status(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from yarnhub.client.applications import find_application

    app_id = clients.application_id(arguments.id)

    async def status() -> None:
        async with clients.cluster() as client:
            report = await find_application(client, app_id)
        _show([report], arguments.output)

    clients.run(status())


def _show(reports: Iterable[ApplicationReport], output: str) -> None:
    from skein.cli import tables

    if output == "json":
        from skein import model
        from skein.cli.json_output import to_json

        print(to_json([model.ApplicationReport.of(report) for report in reports]))
    else:
        print(tables.application_table(reports, time.time()))  # noqa: TID251  # commands have the clock


def _wait(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from skein.cli.waiting import not_running
    from yarnhub.client.applications import as_owner, check_type
    from yarnhub.yarn.records.applications import FinalApplicationStatus

    app_id = clients.application_id(arguments.id)

    async def wait() -> None:
        async with clients.cluster() as caller, as_owner(caller, app_id) as (client, report):
            check_type(report)
            ended = await client.wait(app_id, deadline=arguments.timeout)
        if ended.final_application_status is not FinalApplicationStatus.SUCCEEDED:
            raise not_running(ended)

    clients.run(wait())


def _move(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from yarnhub.client import lifecycle

    app_id = clients.application_id(arguments.id)

    async def move() -> None:
        async with clients.cluster() as client:
            await lifecycle.move(client, app_id, arguments.queue)

    clients.run(move())


def _kill(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from yarnhub.client import lifecycle

    app_id = clients.application_id(arguments.id)

    async def kill() -> None:
        async with clients.cluster(arguments.user) as client:
            await lifecycle.kill(client, app_id)

    clients.run(kill())


def _shut_down(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    clients.run(_shut_down_and_wait(arguments.id, arguments.status, arguments.diagnostics))


async def _shut_down_and_wait(name: str, status: str, diagnostics: str) -> None:
    """Shut an application down, wait until it has ended, and delete its uploads.

    Does not wait for `current`, which ends with this process.
    """
    from skein.cli import clients
    from skein.cli.waiting import Notices
    from yarnhub.client import lifecycle
    from yarnhub.client.applications import as_owner
    from yarnhub.control.messages import FinalStatus

    final = FinalStatus(status)
    if name == clients.CURRENT:
        async with clients.current() as application_client:
            await application_client.shutdown(final, diagnostics)
        return
    app_id = clients.application_id(name)
    async with (
        clients.cluster() as caller,
        as_owner(caller, app_id) as (client, _),
        await clients.connect(client, app_id, Notices()) as application_client,
    ):
        await lifecycle.shut_down(client, application_client, app_id, final, diagnostics)


def _specification(arguments: argparse.Namespace) -> None:
    import json

    from skein.cli import clients

    async def specification() -> None:
        from yarnhub.client.submit.spec_file import format_document

        async with clients.application(arguments.id) as application:
            document = json.loads(await application.get_specification())
        if arguments.output == "json":
            print(json.dumps(document, indent=2))
            return
        print(format_document(document, "yaml"), end="")

    clients.run(specification())

"""`skein container`: an application's containers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from skein.cli.parsers import add_application, add_command, add_group, add_output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from skein.cli.parsers import Subparsers
    from yarnhub.control.messages import ServiceContainer

_STATES = ("WAITING", "REQUESTED", "RUNNING", "SUCCEEDED", "FAILED", "KILLED")


def add_parser(subparsers: Subparsers) -> None:
    """Add `container` and its commands."""
    commands = add_group(
        subparsers, "container", "list, add, scale and kill an application's containers"
    )
    listing = add_command(commands, "ls", "list containers; by default the active ones", _list)
    add_application(listing)
    listing.add_argument(
        "-a", "--all", action="store_true", help="include containers that have ended"
    )
    listing.add_argument(
        "--service", action="append", metavar="NAME", help="only of this service; can be repeated"
    )
    listing.add_argument(
        "--state",
        action="append",
        type=str.upper,
        choices=_STATES,
        help="only in this state; can be repeated",
    )
    add_output(listing)
    add = add_command(
        commands, "add", "start one more container of a service, and print its name", _add
    )
    add_application(add)
    add.add_argument("-s", "--service", required=True, help="the service's name")
    add.add_argument(
        "--env",
        action="append",
        default=[],
        type=variable,
        metavar="NAME=VALUE",
        help="an environment variable, in addition to those of the service; can be repeated",
    )
    add_output(add)
    kill = add_command(commands, "kill", "kill a container", _kill)
    add_application(kill)
    kill.add_argument(
        "--id", required=True, dest="container", help="the container's name, such as worker_3"
    )
    scale = add_command(commands, "scale", "set the number of a service's containers", _scale)
    add_application(scale)
    scale.add_argument("-s", "--service", required=True, help="the service's name")
    scale.add_argument("-n", "--number", required=True, type=int, help="the number of containers")


def variable(text: str) -> tuple[str, str]:
    """Read `NAME=VALUE`.

    Raises:
        ValueError: It has another form.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError
    return name, value


def _add(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def add() -> None:
        async with clients.application(arguments.id) as application:
            container = await application.add_container(arguments.service, dict(arguments.env))
        if arguments.output == "json":
            _print_json([container])
        else:
            print(container.id)

    clients.run(add())


def _list(arguments: argparse.Namespace) -> None:
    from skein.cli import clients, tables
    from yarnhub.control.messages import ACTIVE_STATES, ContainerState

    states: tuple[ContainerState, ...] | None = ACTIVE_STATES
    if arguments.state:
        states = tuple(ContainerState(state) for state in arguments.state)
    elif arguments.all:
        states = None

    async def list_containers() -> None:
        async with clients.application(arguments.id) as application:
            containers = await application.get_containers(arguments.service, states)
        if arguments.output == "json":
            _print_json(containers)
        else:
            print(tables.container_table(containers, time.time()))  # noqa: TID251  # commands have the clock

    clients.run(list_containers())


def _print_json(containers: Iterable[ServiceContainer]) -> None:
    from skein import model
    from skein.cli.json_output import to_json

    print(to_json([model.Container.of(one) for one in containers]))


def _kill(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def kill() -> None:
        async with clients.application(arguments.id) as application:
            await application.kill_container(arguments.container)

    clients.run(kill())


def _scale(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def scale() -> None:
        async with clients.application(arguments.id) as application:
            await application.scale(arguments.service, count=arguments.number)

    clients.run(scale())

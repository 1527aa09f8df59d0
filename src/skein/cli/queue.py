"""`skein queue`: the cluster's queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_command, add_group, add_output

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add `queue` and its commands."""
    commands = add_group(subparsers, "queue", "list the cluster's queues")
    add_output(add_command(commands, "ls", "list all queues, each before its children", _list))


def _list(arguments: argparse.Namespace) -> None:
    from skein.cli import clients, tables
    from yarnhub.client.cluster import find_all_queues

    async def list_queues() -> None:
        async with clients.cluster() as client:
            found = await find_all_queues(client)
        if arguments.output == "json":
            from skein import model
            from skein.cli.json_output import to_json

            print(to_json([model.Queue.of(queue) for queue in found]))
        else:
            print(tables.queue_table(found))

    clients.run(list_queues())

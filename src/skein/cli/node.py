"""`skein node`: the cluster's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_command, add_group, add_output

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers

_STATES = (
    "NEW",
    "RUNNING",
    "UNHEALTHY",
    "DECOMMISSIONED",
    "LOST",
    "REBOOTED",
    "DECOMMISSIONING",
    "SHUTDOWN",
)


def add_parser(subparsers: Subparsers) -> None:
    """Add `node` and its commands."""
    commands = add_group(subparsers, "node", "list the cluster's nodes")
    listing = add_command(commands, "ls", "list nodes; by default in any state", _list)
    listing.add_argument(
        "-s",
        "--state",
        action="append",
        type=str.upper,
        choices=_STATES,
        help="only in this state; can be repeated",
    )
    add_output(listing)


def _list(arguments: argparse.Namespace) -> None:
    from skein.cli import clients, tables
    from yarnhub.client.cluster import find_nodes
    from yarnhub.client.filters import node_states

    async def list_nodes() -> None:
        async with clients.cluster() as client:
            found = await find_nodes(client, node_states(arguments.state))
        if arguments.output == "json":
            from skein import model
            from skein.cli.json_output import to_json

            print(to_json([model.NodeReport.of(node) for node in found]))
        else:
            print(tables.node_table(found))

    clients.run(list_nodes())

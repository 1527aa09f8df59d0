"""`skein token`: manage delegation tokens of long-running applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_command, add_group

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add `token` and its commands."""
    commands = add_group(
        subparsers, "token", "manage delegation tokens of long-running applications"
    )
    keep = add_command(
        commands,
        "keep",
        "replace applications' tokens before they expire, until the applications have ended",
        _keep,
    )
    keep.add_argument("ids", metavar="APP_ID", nargs="+", help="the applications' ids")
    keep.add_argument("--keytab", help="a keytab for --principal; default: the ticket from kinit")
    keep.add_argument("--principal", help="the principal to log in as; requires --keytab")
    add_command(
        commands, "refresh", "write the newest tokens into this container's token file", _refresh
    )


def _keep(arguments: argparse.Namespace) -> None:
    import logging
    import sys

    from skein import environment
    from skein.cli import clients
    from skein.exceptions import SkeinError
    from yarnhub.client.token_delivery import keep_all_tokens

    if (arguments.keytab is None) != (arguments.principal is None):
        raise SkeinError("give both --keytab and --principal, or neither")
    numbers = [clients.application_id(each) for each in arguments.ids]
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = environment.settings(arguments.keytab, arguments.principal)
    except FileNotFoundError as error:
        raise SkeinError(str(error)) from error
    clients.run(keep_all_tokens(settings, numbers))


def _refresh(arguments: argparse.Namespace) -> None:  # noqa: ARG001  # it has no options
    from skein import environment
    from skein.cli import clients
    from skein.exceptions import SkeinError

    container = environment.current_container()
    if container is None:
        raise SkeinError("not running in a container: no token file to refresh")

    async def refresh() -> None:
        print("\n".join(await container.refresh_tokens()))

    clients.run(refresh())

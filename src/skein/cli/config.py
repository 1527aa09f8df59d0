"""`skein config`: the user's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_command, add_group

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add `config` and its commands."""
    commands = add_group(subparsers, "config", "manage the credentials of your applications")
    gencerts = add_command(
        commands,
        "gencerts",
        "create the certificate with which you authenticate to your applications",
        _gencerts,
    )
    gencerts.add_argument(
        "-f",
        "--force",
        action="store_true",
        help="replace existing ones: running applications become unreachable",
    )


def _gencerts(arguments: argparse.Namespace) -> None:
    from skein.environment import credentials_folder
    from yarnhub.client.access.credentials import Credentials

    Credentials.write_new(credentials_folder(), force=arguments.force)

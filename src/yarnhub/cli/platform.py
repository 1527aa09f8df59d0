"""`yarnhub platform`: the service that shows a hub's users what runs on the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.cli.managed import prepare
from yarnhub.cli.services import add_options, serve

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `platform`."""
    parser = subparsers.add_parser(
        "platform",
        help="serve an API with the applications of the cluster to JupyterHub's users",
        description="Watches the ResourceManager once for all users, and serves the applications "
        "of the cluster as an API: as a service of JupyterHub, whose tokens it accepts.",
    )
    add_options(parser, "Platform")
    parser.set_defaults(handler=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    prepare(arguments)
    from yarnhub.server.platform.app import run
    from yarnhub.server.platform.traits import Platform

    return serve(arguments, Platform, run)

"""`yarnhub gateway`: the service that holds the kernels of a hub's users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.cli.managed import prepare
from yarnhub.cli.services import add_options, serve

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `gateway`."""
    parser = subparsers.add_parser(
        "gateway",
        help="serve kernels in YARN containers to notebook servers",
        description="Starts and holds the kernels of many users in YARN containers, and serves "
        "them by Jupyter's gateway protocol: as a service of JupyterHub, or alone with Kerberos. "
        "SIGTERM stops the service; kernels keep running, and the next service finds them again.",
    )
    add_options(parser, "KernelGateway")
    parser.set_defaults(handler=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    prepare(arguments)
    from yarnhub.server.gateway.app import run
    from yarnhub.server.gateway.traits import KernelGateway

    return serve(arguments, KernelGateway, run)

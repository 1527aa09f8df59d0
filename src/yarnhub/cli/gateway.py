"""`yarnhub gateway`: the service that holds the kernels of a hub's users."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

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
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the settings: a file with c.KernelGateway.NAME = VALUE, or a .toml file",
    )
    parser.add_argument("--debug", action="store_true", help="log more")
    parser.set_defaults(handler=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from yarnhub.server.gateway.app import run
    from yarnhub.server.gateway.traits import read_config

    logging.basicConfig(
        level=logging.DEBUG if arguments.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request otherwise
    asyncio.run(run(read_config(arguments.config), os.environ))
    return 0

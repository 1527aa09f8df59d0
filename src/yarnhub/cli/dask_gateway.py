"""`yarnhub dask-gateway`: Dask clusters for a hub's users."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cli.managed import add_option, prepare

if TYPE_CHECKING:
    import argparse

_PACKAGES = ("dask_gateway_server", "jupyterhub")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `dask-gateway`."""
    parser = subparsers.add_parser(
        "dask-gateway",
        help="serve Dask clusters in YARN containers to the users of a hub",
        description="Runs dask-gateway's server as a service of JupyterHub, with its state in the "
        "working directory. SIGTERM stops the server; Dask clusters keep running, and the next "
        "server finds them again.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="dask-gateway's configuration; default: dask_gateway_config.py, if it exists",
    )
    add_option(parser)
    parser.add_argument(
        "--only-proxy",
        action="store_true",
        help="run only the proxy, through which programs connect to Dask clusters: for a server "
        "with c.Proxy.externally_managed = True",
    )
    parser.set_defaults(handler=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} is not installed: pip install 'yarnhub[dask-gateway,hub]'"
        )
    if arguments.config is not None and not arguments.config.is_file():
        raise ConfigurationError(f"{arguments.config} is not a file")
    prepare(arguments)
    from yarnhub.server.dask_gateway.app import HubDaskGateway

    os.umask(0o077)  # the database and the logs of applications are the service's own
    app = HubDaskGateway.instance()
    app.initialize([] if arguments.config is None else ["-f", str(arguments.config)])
    if arguments.only_proxy:
        app.run_proxy()
    app.start()
    return 0

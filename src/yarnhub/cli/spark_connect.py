"""`yarnhub spark connect`: the user's Spark Connect server, held by `yarnhub gateway`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    import argparse

    from yarnhub.integrations.kernels.gateway_client import GatewayClient
    from yarnhub.integrations.kernels.gateway_settings import GatewaySettings
    from yarnhub.kernels.service_protocol import ConnectModel

_POLL = 1.0
_MAX_TOKEN = 4096
_HINT = (
    "The server continues to start. Run the command again to wait for it, or stop it with "
    "`yarnhub spark connect --stop`."
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `connect`."""
    parser = commands.add_parser(
        "connect",
        help="start your Spark Connect server, or find it",
        description="Starts your Spark Connect server in a container of the cluster, or finds the "
        "one that runs, waits until it is ready, and prints the variables with which PySpark "
        "connects to it. They contain a secret: the server runs what its clients send.",
    )
    parser.add_argument(
        "--gateway",
        default="",
        metavar="URL",
        help="the URL of yarnhub gateway; default: YARNHUB_GATEWAY_URL",
    )
    parser.add_argument(
        "--ca",
        default="",
        metavar="FILE",
        help="the certificates by which the gateway's is verified; default: YARNHUB_GATEWAY_CA, or "
        "the system's",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="a file with your token of JupyterHub; default: JUPYTERHUB_API_TOKEN, or your "
        "Kerberos ticket",
    )
    parser.add_argument(
        "--kernelspec",
        default="",
        metavar="NAME",
        help="which of the gateway's kernelspecs with Spark Connect; default: the first one",
    )
    parser.add_argument("--stop", action="store_true", help="stop the server")
    parser.set_defaults(handler=_connect)


def _connect(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    if arguments.stop:
        asyncio.run(_stop(settings))
    else:
        found = asyncio.run(_start(settings, arguments.kernelspec))
        print("\n".join(_exports(found, settings.url)))
    return 0


async def _stop(settings: GatewaySettings) -> None:
    from yarnhub.integrations.kernels.gateway_client import GatewayClient

    async with GatewayClient(settings) as client:
        await client.stop_connect()
    _say("Your Spark Connect server has ended.")


async def _start(settings: GatewaySettings, kernelspec: str) -> ConnectModel:
    from yarnhub.integrations.kernels.gateway_client import GatewayClient

    async with GatewayClient(settings) as client:
        try:
            return await _ready(client, kernelspec)
        except asyncio.CancelledError:
            _say(_HINT)
            raise


async def _ready(client: GatewayClient, kernelspec: str) -> ConnectModel:
    """Start the server, and wait until it is ready.

    Raises:
        KernelServiceError: It has ended.
    """
    from yarnhub.kernels.service_protocol import ConnectState, KernelServiceError

    shown = ""
    found = await client.start_connect(kernelspec)
    while found.state is not ConnectState.READY:
        if found.state is ConnectState.ENDED:
            raise KernelServiceError(found.reason)
        if found.reason != shown:
            shown = found.reason
            _say(f"{found.application}: {shown}" if found.application else shown)
        await asyncio.sleep(_POLL)
        found = await client.connect_server()
    return found


def _exports(found: ConnectModel, gateway: str) -> list[str]:
    """The lines for a shell; writes the certificate."""
    from yarnhub.base.files import write_private
    from yarnhub.client.access.settings import config_folder

    file = config_folder(os.environ).absolute() / _file_name(gateway)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, found.certificate.encode())
    variables = {"SPARK_REMOTE": found.remote, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(file)}
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _file_name(gateway: str) -> str:
    """The certificate's, for a service: a host can have several, at other ports and paths."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", urlsplit(gateway).hostname or "")
    return f"spark-connect-{host}-{hashlib.sha256(gateway.encode()).hexdigest()[:8]}.pem"


def _settings(arguments: argparse.Namespace) -> GatewaySettings:
    from yarnhub.integrations.kernels import gateway_settings
    from yarnhub.integrations.kernels.gateway_settings import GatewaySettings

    url = arguments.gateway or os.environ.get(gateway_settings.URL, "")
    if not url:
        raise ConfigurationError(
            f"--gateway, or {gateway_settings.URL}, must be the URL of yarnhub gateway"
        )
    token = os.environ.get(gateway_settings.TOKEN, "")
    if arguments.token_file is not None:
        token = _token_in(arguments.token_file)
    return GatewaySettings(
        url=url,
        token=lambda: token,
        ca=arguments.ca or os.environ.get(gateway_settings.CA, ""),
        ticket=not token,
    )


def _token_in(file: Path) -> str:
    from yarnhub.base.files import read_regular

    try:
        token = read_regular(file, _MAX_TOKEN).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--token-file {file}: {error}") from error
    if not token:
        raise ConfigurationError(f"--token-file {file}: the file is empty")
    return token


def _say(line: str) -> None:
    print(clean_and_cut(line), file=sys.stderr, flush=True)

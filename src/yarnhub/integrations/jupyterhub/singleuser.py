"""A user's server in its container: unpacks the secrets, listens, and starts Jupyter Server.

`python -m yarnspawner.singleuser` is this module's `main`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit, urlunsplit

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.home_folder import home_folder
from yarnhub.client.application.container import CurrentContainer
from yarnhub.integrations.jupyterhub import dask_dashboards
from yarnhub.sessions.container_secrets import unpack
from yarnhub.sessions.ports.held import AddressError, HeldPort, NoFreePortError, listen
from yarnhub.sessions.ports.report import Reporter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, MutableMapping, Sequence

TLS_FILES = ("JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_KEYFILE", "JUPYTERHUB_SSL_CLIENT_CA")
"""Variables that name files that only the server may read."""

ROOT = "JUPYTERHUB_ROOT_DIR"
"""The variable that names the folder that users see: `c.YarnSpawner.notebook_dir`."""
SPARK = "YARNHUB_SPARK"
"""The variable that `c.YarnSpawner.spark` sets: `kernels.spark.VARIABLE`."""
WORK = "work"
"""The folder in the container's folder that they see by default."""


def main() -> None:
    """Run the server in this container."""
    variables = os.environ  # noqa: TID251  # this is an entry point
    try:
        held = prepare(variables, Path.cwd())
        sys.argv[1:1] = contents_options(variables, sys.argv)
        dask_dashboards.prepare(variables)
        if variables.get(SPARK):
            from yarnhub.kernels import spark_in_server

            spark_in_server.prepare(variables, Path.cwd(), reporter(variables).pass_on)
        from yarnhub.integrations.jupyterhub.single_user_server import run
    except ImportError as error:
        fail(f"{error}: the environment of {sys.executable} needs yarnhub[lab]", variables)
    except (YarnhubError, OSError) as error:
        fail(str(error), variables)
    run(held, reporter(variables), variables)


def fail(why: str, variables: Mapping[str, str]) -> NoReturn:
    """Report to the hub why the server cannot start, and exit."""
    with contextlib.suppress(ConfigurationError):  # the hub may be what cannot be reached
        if "JUPYTERHUB_API_TOKEN" in variables:
            reporter(variables).report_error(why)
    sys.exit(f"Error: {why}")


def prepare(variables: MutableMapping[str, str], folder: Path) -> HeldPort:
    """Set the variables that jupyterhub-singleuser requires, and listen on a port.

    The server must use that port, and proves this with `HeldPort.prove`; then `report` sends it to
    the hub.

    Args:
        variables: The variables of this process; secret ones are set here, for it and its children.
        folder: The container's folder.

    Raises:
        ConfigurationError: This is not a container of a hub, or the hub does not respond.
    """
    container = CurrentContainer.from_environment(variables)
    if container is None:
        raise ConfigurationError(
            "this is not a container that a hub has started: YarnSpawner runs this program"
        )
    private = folder / ".jupyterhub"  # Jupyter does not show files whose names start with a dot
    private.mkdir(mode=0o700, exist_ok=True)
    unpack(container.secrets(), variables, private)
    for name in TLS_FILES:
        if variables.get(name):
            variables[name] = str(private / variables[name])
    # Deleted with the container; HOME may be the same for all servers of a user.
    variables["JUPYTER_RUNTIME_DIR"] = str(folder / ".jupyter" / "runtime")
    variables["JUPYTER_DATA_DIR"] = str(folder / ".jupyter")
    variables["HOME"] = str(home_folder(variables.get("USER", ""), folder))
    variables[ROOT] = str(root(variables, folder))
    held = _listen(variables)
    url = variables["JUPYTERHUB_SERVICE_URL"]
    variables["JUPYTERHUB_SERVICE_URL"] = with_port(url, held.addresses[0], held.number)
    return held


def _listen(variables: Mapping[str, str]) -> HeldPort:
    try:
        return listen(reporter(variables).where_to_listen())
    except AddressError as error:
        raise ConfigurationError(f"{error}: see c.YarnSpawner.ip") from error
    except NoFreePortError as error:
        raise ConfigurationError(f"{error}: see c.YarnSpawner.port_range, port and ip") from error


def contents_options(variables: Mapping[str, str], given: Sequence[str]) -> list[str]:
    """Options for JupyterLab to show HDFS but no files of YARN, unless configured otherwise.

    Args:
        variables: The variables of this process; `YARNHUB_HDFS_FOLDER=off` hides HDFS.
        given: The command line that the hub has set.
    """
    chosen = any("contents_manager_class" in option for option in given)
    off = variables.get("YARNHUB_HDFS_FOLDER", "").lower() in {"off", "0", "false", "no"}
    if chosen or find_spec("jupyter_server") is None:
        return []
    manager = "OwnFiles" if off else "ContentsWithHdfs"
    return [f"--ServerApp.contents_manager_class=yarnhub.integrations.contents.{manager}"]


def root(variables: Mapping[str, str], folder: Path) -> Path:
    """The folder that the user sees: a new one, unless the administrator has set one.

    The container's folder contains YARN's files and the environment.

    Raises:
        ConfigurationError: The folder does not exist on the node.
    """
    named = variables.get(ROOT)
    if not named:
        own = folder / WORK
        own.mkdir(exist_ok=True)
        return own
    found = folder / os.path.expanduser(named)  # noqa: PTH111  # as JupyterHub does
    if not found.is_dir():
        raise ConfigurationError(
            f"folder {found} not found on {socket.gethostname()}: see c.YarnSpawner.notebook_dir"
        )
    return found


def with_port(url: str, host: str, port: int) -> str:
    """A URL with another host and port."""
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return urlunsplit(urlsplit(url)._replace(netloc=netloc))


def reporter(variables: Mapping[str, str]) -> Reporter:
    """The reporter to the hub, with the server's own token.

    Raises:
        ConfigurationError: The server's certificates cannot be read.
    """
    url = variables["JUPYTERHUB_API_URL"].rstrip("/") + "/yarnspawner"
    try:
        return Reporter(url, variables["JUPYTERHUB_API_TOKEN"], _tls(variables))
    except OSError as error:  # its certificates cannot be read
        raise ConfigurationError(f"the hub at {url} cannot be reached: {error}") from error


def report(port: int, variables: Mapping[str, str]) -> None:
    """Report the port to the hub.

    Raises:
        ConfigurationError: The hub refuses it; the message contains the reason.
    """
    reporter(variables).report_port(port)


def _tls(variables: Mapping[str, str]) -> ssl.SSLContext | None:
    """The certificates for connections to the hub, with its internal_ssl."""
    if not variables.get("JUPYTERHUB_SSL_CERTFILE"):
        return None
    import ssl

    context = ssl.create_default_context(cafile=variables["JUPYTERHUB_SSL_CLIENT_CA"])
    context.load_cert_chain(
        variables["JUPYTERHUB_SSL_CERTFILE"], variables["JUPYTERHUB_SSL_KEYFILE"]
    )
    return context

"""A user's server in its container: secrets in, jupyterhub's own program, and its port out.

`python -m yarnspawner.singleuser` is this module's `main`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit, urlunsplit

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.client.application.container import CurrentContainer
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
WORK = "work"
"""The folder that they see by default, in the container's."""


def main() -> None:
    """Run the server of the container that this process is in."""
    variables = os.environ  # noqa: TID251  # this is an entry point
    try:
        held = prepare(variables, Path.cwd())
        sys.argv[1:1] = contents_options(variables, sys.argv)
        from yarnhub.integrations.jupyterhub.single_user_server import run
    except ImportError as error:
        fail(f"{error}: the environment of {sys.executable} needs yarnhub[lab]", variables)
    except (YarnhubError, OSError) as error:
        fail(str(error), variables)
    run(held, reporter(variables), variables)


def fail(why: str, variables: Mapping[str, str]) -> NoReturn:
    """Tell the hub why there will be no server, and end."""
    with contextlib.suppress(ConfigurationError):  # it may be the hub that cannot be reached
        if "JUPYTERHUB_API_TOKEN" in variables:
            reporter(variables).report_error(why)
    sys.exit(f"Error: {why}")


def prepare(variables: MutableMapping[str, str], folder: Path) -> HeldPort:
    """Make the variables what jupyterhub-singleuser wants, and listen at a port.

    The server has to answer at that port, which it proves by `HeldPort.prove`; then `report` tells
    the hub.

    Args:
        variables: Of this process; its secret ones are set here, for it and its children alone.
        folder: The container's.

    Raises:
        ConfigurationError: This is no container of a hub's, or the hub does not answer.
    """
    container = CurrentContainer.from_environment(variables)
    if container is None:
        raise ConfigurationError(
            "this is no container that a hub has started: YarnSpawner runs this program"
        )
    private = folder / ".jupyterhub"  # Jupyter shows nobody what begins with a dot
    private.mkdir(mode=0o700, exist_ok=True)
    unpack(container.secrets(), variables, private)
    for name in TLS_FILES:
        if variables.get(name):
            variables[name] = str(private / variables[name])
    # Files of its own go with the container; HOME may be the same for all servers of a user.
    variables["JUPYTER_RUNTIME_DIR"] = str(folder / ".jupyter" / "runtime")
    variables["JUPYTER_DATA_DIR"] = str(folder / ".jupyter")
    variables["HOME"] = str(home(variables.get("USER", ""), folder))
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
    """What has JupyterLab show HDFS, and nothing of YARN's, unless something else was chosen.

    Args:
        variables: Of this process; `YARNHUB_HDFS_FOLDER=off` leaves HDFS out.
        given: The command line as the hub gave it.
    """
    chosen = any("contents_manager_class" in option for option in given)
    off = variables.get("YARNHUB_HDFS_FOLDER", "").lower() in {"off", "0", "false", "no"}
    if chosen or find_spec("jupyter_server") is None:
        return []
    manager = "OwnFiles" if off else "ContentsWithHdfs"
    return [f"--ServerApp.contents_manager_class=yarnhub.integrations.contents.{manager}"]


def root(variables: Mapping[str, str], folder: Path) -> Path:
    """The folder that the user sees: one of its own, if the administrator has named none.

    The container's holds YARN's files and the environment.

    Raises:
        ConfigurationError: The node has no such folder.
    """
    named = variables.get(ROOT)
    if not named:
        own = folder / WORK
        own.mkdir(exist_ok=True)
        return own
    found = folder / os.path.expanduser(named)  # noqa: PTH111  # as JupyterHub does
    if not found.is_dir():
        raise ConfigurationError(
            f"there is no folder {found} on {socket.gethostname()}: c.YarnSpawner.notebook_dir"
        )
    return found


def home(user: str, folder: Path) -> Path:
    """The user's home folder on this node; the container's, where there is none that is the user's.

    YARN's HOME is one for the containers of all users, and none of them may write to it.
    """
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:  # an OS user of an image that does not know it
        return folder
    theirs = account.pw_name == user and os.access(account.pw_dir, os.W_OK)
    return Path(account.pw_dir) if theirs else folder


def with_port(url: str, host: str, port: int) -> str:
    """A URL with another host and port."""
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return urlunsplit(urlsplit(url)._replace(netloc=netloc))


def reporter(variables: Mapping[str, str]) -> Reporter:
    """What speaks to the hub, with the server's own token.

    Raises:
        ConfigurationError: The server's certificates cannot be read.
    """
    url = variables["JUPYTERHUB_API_URL"].rstrip("/") + "/yarnspawner"
    try:
        return Reporter(url, variables["JUPYTERHUB_API_TOKEN"], _tls(variables))
    except OSError as error:  # its certificates cannot be read
        raise ConfigurationError(f"the hub at {url} cannot be reached: {error}") from error


def report(port: int, variables: Mapping[str, str]) -> None:
    """Tell the hub the port.

    Raises:
        ConfigurationError: It does not take it; says why.
    """
    reporter(variables).report_port(port)


def _tls(variables: Mapping[str, str]) -> ssl.SSLContext | None:
    """What proves the two to each other, with the hub's internal_ssl."""
    if not variables.get("JUPYTERHUB_SSL_CERTFILE"):
        return None
    import ssl

    context = ssl.create_default_context(cafile=variables["JUPYTERHUB_SSL_CLIENT_CA"])
    context.load_cert_chain(
        variables["JUPYTERHUB_SSL_CERTFILE"], variables["JUPYTERHUB_SSL_KEYFILE"]
    )
    return context

"""The services that the hub starts."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import configuration_folder
from yarnhub.hadoop.conf import Configuration
from yarnhub.integrations.doctor.finding import error, ok
from yarnhub.integrations.doctor.hub_config import read_hub_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.integrations.doctor.hub_config import ManagedService


class Needed(NamedTuple):
    """What a service needs besides `yarnhub[hub]`: an extra, and packages that it installs."""

    extra: str
    packages: tuple[str, ...]


NEEDED = {
    "gateway": Needed("kernels", ("jupyter_server", "jupyter_client")),
    "dask-gateway": Needed("dask-gateway", ("dask_gateway_server",)),
    "platform": Needed(
        "platform",
        ("aiosqlite", "alembic", "fastapi", "jinja2", "psycopg", "sqlalchemy", "uvicorn"),
    ),
}
"""What each service needs, by its name."""
_ELSEWHERE = Path("/")
"""Services do not have the hub's working directory."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_AS_READ = "as the services read it, without the hub's working directory and most of its variables"
_OWN_FILE = (
    "a file of their own that ends with add_services(c, __file__, ...), and let the hub's file "
    "read it with load_subconfig"
)
_LISTENS = "0A"
"""The state of a socket in /proc/net/tcp."""
_LOCAL, _STATE, _UID = 1, 3, 7


def is_installed(name: str) -> bool:
    """Whether all packages of a service are installed here."""
    return all(map(find_spec, NEEDED[name].packages))


async def check(deployment: Deployment) -> Finding:
    """Check that the services are installed, and can read their configuration."""
    hub = deployment.hub
    missing = [each.name for each in hub.services if not is_installed(each.name)]
    if missing:
        extras = ",".join(NEEDED[name].extra for name in missing)
        return error(
            f"not installed here: {', '.join(missing)}", f"`pip install 'yarnhub[{extras}]'`"
        )
    files: dict[Path, list[ManagedService]] = {}
    for each in hub.services:
        variables = each.variables(deployment.options.environment)
        Configuration.load(configuration_folder(variables), variables)
        files.setdefault(each.file, []).append(each)
    for file, of_file in files.items():
        variables = of_file[0].variables(deployment.options.environment)
        try:
            read = await read_hub_config(file, variables, _ELSEWHERE)
        except ConfigurationError as caught:
            return error(f"{caught}, {_AS_READ}", f"write {_OWN_FILE}")
        lost = [name for each in of_file for name in hub.lost_settings(each.name, read)]
        if lost:
            names = " and ".join(dict.fromkeys(lost))
            return error(
                f"{names}: not the same in {hub.file} and in {file}, {_AS_READ}",
                f"write them and add_services into {_OWN_FILE}",
            )
    return ok(f"installed, and can read {' and '.join(map(str, files))}" if files else "none")


async def check_folders(deployment: Deployment) -> Finding:
    """Check that no other user has access to the services' state."""
    wrong = list(_open_folders(each.folder for each in deployment.hub.services))
    if wrong:
        return error(
            f"other users have access to {' and '.join(map(str, wrong))}",
            "make them the hub's user's with `chown`, and `chmod 700` them",
        )
    return ok("only this account has access to the services' folders")


def _open_folders(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue  # the service creates it
        except OSError:
            yield folder
            continue
        if found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
            yield folder


async def check_ports(deployment: Deployment) -> Finding:
    """Check that the services can listen on their ports; a hub that runs uses them already."""
    used = []
    for each in deployment.hub.services:
        host, port = each.address
        try:
            socket.create_server(each.address).close()
        except OSError as caught:
            if caught.errno != errno.EADDRINUSE:
                what = f"{each.name} cannot listen on {host}:{port}: {caught.strerror}"
                return error(what, "set another address for it")
            if os.geteuid() not in _listeners(port):
                what = f"a program of another user listens on port {port}, which is {each.name}'s"
                return error(what, "stop it, or set another port for the service")
            used.append(each.name)
    return ok(f"in use by this account: {', '.join(used)}" if used else "free")


def _listeners(port: int) -> set[int]:
    """The users whose programs listen on a port; see proc(5)."""
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if columns[_STATE] == _LISTENS and columns[_LOCAL].endswith(f":{port:04X}"):
                found.add(int(columns[_UID]))
    return found


async def check_database(deployment: Deployment) -> Finding:
    """Check that the platform's database can be reached."""
    if deployment.hub.database is None:
        return ok("a file or a local socket, or there is no platform")
    host, port = deployment.hub.database
    try:
        async with asyncio.timeout(deployment.response_timeout):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as caught:
        reason = getattr(caught, "strerror", None) or "no response"
        return error(
            f"the platform's database at {host}:{port} cannot be reached: {reason}",
            "start it, or change c.Platform.database",
        )
    writer.close()
    return ok(f"{host}:{port} accepts connections")

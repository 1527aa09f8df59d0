"""What the doctor knows of a hub's configuration, which is executed to read it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.doctor import commands

if TYPE_CHECKING:
    from collections.abc import Mapping

_READ = """\
import json, pathlib, sys, urllib.parse
from traitlets.config import PyFileConfigLoader
file = pathlib.Path(sys.argv[1]).absolute()
c = PyFileConfigLoader(file.name, path=str(file.parent)).load_config()
services = c.JupyterHub.get("services", [])
services = getattr(services, "get_value", lambda default: services)([])
database = urllib.parse.urlsplit(str(c.Platform.get("database", "")))
print("\\n" + json.dumps({
    "internal_ssl": bool(c.JupyterHub.get("internal_ssl", False)),
    "services": [
        {name: each.get(name) for name in ("url", "command", "environment")} for each in services
    ],
    "database": [database.scheme, database.hostname, database.port],
}, default=str))
"""
"""The configuration is a program: a separate process contains its side effects."""
_KEPT = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL")
"""Variables that JupyterHub passes on to services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedService:
    """A service of yarnhub that the hub starts.

    Attributes:
        name: Its command.
        address: Where it listens: an IP address and a port.
        file: Its configuration.
        folder: Its working directory.
        environment: The variables that the hub sets, besides its own and those of all services.
    """

    name: str
    address: tuple[str, int]
    file: Path
    folder: Path
    environment: Mapping[str, str]

    def variables(self, of_hub: Mapping[str, str]) -> dict[str, str]:
        """The variables of its process, without the hub's own."""
        return {name: of_hub[name] for name in _KEPT if name in of_hub} | dict(self.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """The part of a hub's configuration that is checked.

    Attributes:
        file: Where it is.
        internal_ssl: Whether hub, proxy and servers authenticate each other.
        services: The services of yarnhub that the hub starts.
        database: The host and port of the platform's database; None if it is a file, or if its host
            is not known.
    """

    file: Path
    internal_ssl: bool
    services: tuple[ManagedService, ...] = ()
    database: tuple[str, int] | None = None


async def read_hub_config(file: Path, variables: Mapping[str, str] | None = None) -> HubConfig:
    """Execute a configuration in a process of its own.

    Args:
        file: The configuration.
        variables: Those of the process; None for the caller's.

    Raises:
        ConfigurationError: It cannot be read.
    """
    command = (sys.executable, "-P", "-c", _READ, str(file))
    ended = await commands.run_command(*command, environment=variables)
    if ended.code != 0:
        reason = ended.errors.strip().rpartition("\n")[2]
        raise ConfigurationError(f"{file} cannot be read: {reason}")
    return _parse(file, ended.output.rpartition("\n\n")[2])


def _parse(file: Path, text: str) -> HubConfig:
    found = json.loads(text)
    scheme, host, port = found["database"]
    is_remote = str(scheme).startswith("postgres") and host
    return HubConfig(
        file=file,
        internal_ssl=found["internal_ssl"],
        services=tuple(filter(None, map(_service, found["services"]))),
        database=(host, port or 5432) if is_remote else None,
    )


def _service(found: Mapping[str, Any]) -> ManagedService | None:  # Any: JSON
    """A service that `add_services` has added; None for others."""
    match found["command"]:
        case [*_, "-m", "yarnhub.cli.main", name, "--config", file, "--managed", folder]:
            url = urlsplit(found["url"])
            return ManagedService(
                name=name,
                address=(url.hostname or "", url.port or 0),
                file=Path(file),
                folder=Path(folder),
                environment=found["environment"],
            )
        case _:
            return None

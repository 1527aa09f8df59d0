"""What the doctor knows of a configuration, of a hub or its services; executed to read it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.doctor import commands

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROGRAM = "yarnhub.integrations.doctor.config_program"
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
        shared: For each service, the settings that the hub and the service must have the same
            value of, and the digest of their value.
    """

    file: Path
    internal_ssl: bool
    services: tuple[ManagedService, ...] = ()
    database: tuple[str, int] | None = None
    shared: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def lost_settings(self, name: str, read: HubConfig) -> list[str]:
        """The settings of this configuration that a service reads with another value, or not.

        Args:
            name: The service.
            read: The configuration that the service reads.
        """
        theirs = read.shared[name]
        return [each for each, value in self.shared[name].items() if theirs.get(each) != value]


async def read_hub_config(
    file: Path, variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> HubConfig:
    """Execute a configuration in a process of its own.

    Args:
        file: The configuration.
        variables: Those of the process; None for the caller's.
        folder: Its working directory, if `file` is an absolute path; None for the caller's.

    Raises:
        ConfigurationError: It cannot be read.
    """
    command = (sys.executable, "-P", "-m", _PROGRAM, str(file))
    ended = await commands.run_command(*command, environment=variables, folder=folder)
    if ended.code != 0:
        reason = ended.errors.strip().rpartition("\n")[2]
        raise ConfigurationError(f"{file} cannot be read: {reason}")
    return _parse(file, ended.output.rpartition("\n\n")[2])


def _parse(file: Path, text: str) -> HubConfig:
    found = json.loads(text)
    return HubConfig(
        file=file,
        internal_ssl=found["internal_ssl"],
        services=tuple(filter(None, map(_service, found["services"]))),
        database=tuple(found["database"]) if found["database"] else None,
        shared=found["shared"],
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

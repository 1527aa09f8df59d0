"""Executes a hub's configuration, and prints what the doctor checks of it as JSON.

The configuration is a program: a separate process contains its side effects.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any  # traitlets has no types

from traitlets.config.loader import LazyConfigValue, PyFileConfigLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTIONS = {
    "gateway": ("YarnSpawner", "KernelGateway"),
    "dask-gateway": ("YarnSpawner", "HubAuthenticator", "YarnBackend"),
    "platform": ("YarnSpawner", "Platform"),
}
"""Sections with settings that the hub and a service must have in common."""
_IDENTITY = ("denied_users", "cluster_user")
_OF_SERVICES = (
    *("principal", "keytab", "database", "limits_database", "audit_log"),
    *("user_limit", "group_limits"),
)
_POSTGRESQL = 5432


def describe(config: Any) -> dict[str, Any]:
    """What is checked, without secrets: of settings that may have some, their digests."""
    services = config.JupyterHub.get("services", [])
    if isinstance(services, LazyConfigValue):
        services = services.get_value([])
    return {
        "internal_ssl": bool(config.JupyterHub.get("internal_ssl", False)),
        "services": [
            {name: each.get(name) for name in ("url", "command", "environment")}
            for each in services
        ],
        "database": address_of(str(config.Platform.get("database", ""))),
        "shared": {
            name: {setting: _digest(each) for setting, each in _shared(config, sections)}
            for name, sections in _SECTIONS.items()
        },
    }


def address_of(url: str) -> tuple[str, int] | None:
    """The host and port of a PostgreSQL database; None if they are unknown.

    A password may have any character, also those that end a host. If it is not certain where it
    ends, nothing of the URL is returned, nor is an error, which could have a part of it.
    """
    before, *after = url.split("@")
    if len(after) > 1 or (after and "password=" in before):
        return None
    try:
        from sqlalchemy.engine import make_url

        found = make_url(url)
    except Exception:  # noqa: BLE001  # of any kind: its text may have the password
        return None
    if not found.drivername.startswith("postgres") or not found.host:
        return None
    return found.host, found.port or _POSTGRESQL


def _shared(config: Any, sections: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Settings that are lost if only the hub reads them.

    These are who is who on the cluster, which the lack of a setting also decides, and what the
    configuration has of a service's login, limits and log.
    """
    for section in sections:
        settings = config[section]
        for name in _IDENTITY:
            yield f"c.{section}.{name}", settings.get(name)
        for name in _OF_SERVICES if section != "YarnSpawner" else ():
            if name in settings:
                yield f"c.{section}.{name}", settings[name]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(_plain(value)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A value that is the same in each process."""
    if isinstance(value, LazyConfigValue):
        value = value.to_dict()
    if isinstance(value, dict):
        return sorted([str(name), _plain(each)] for name, each in value.items())
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return "a function" if callable(value) else str(value)


def main(file: Path) -> None:
    """Print the description of a file, after an empty line."""
    config = PyFileConfigLoader(file.name, path=str(file.parent)).load_config()
    sys.stdout.write("\n\n" + json.dumps(describe(config), default=str) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())

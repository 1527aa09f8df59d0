"""The certificates of a server, for a hub with `internal_ssl`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def alternative_names(hosts: Iterable[str]) -> list[str]:
    """The alternative names in a certificate, for the hosts that a server may run on."""
    return [f"{_kind(host)}:{host}" for host in hosts]


def _kind(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "DNS"
    return "IP"


def read_certificates(paths: Mapping[str, str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """The files for a server, and their contents.

    Args:
        paths: The paths on the hub's host, by their purpose.

    Returns:
        The paths in the server's folder, and the files' contents by their names.
    """
    names = {kind: f"jupyterhub-{kind}.pem" for kind in paths}
    return names, {names[kind]: Path(path).read_bytes() for kind, path in paths.items()}

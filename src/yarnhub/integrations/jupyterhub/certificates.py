"""The certificates of a server, for a hub with `internal_ssl`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def alternative_names(hosts: Iterable[str]) -> list[str]:
    """What a certificate says of the hosts that its holder may be on."""
    return [f"{_kind(host)}:{host}" for host in hosts]


def _kind(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "DNS"
    return "IP"


def read_certificates(paths: Mapping[str, str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """The files that a server is to have, and what they hold.

    Args:
        paths: By what they are for, as the hub has them.

    Returns:
        The same with names in the server's folder, and the files' contents by these names.
    """
    names = {kind: f"jupyterhub-{kind}.pem" for kind in paths}
    return names, {names[kind]: Path(path).read_bytes() for kind, path in paths.items()}

"""A scheduler's heartbeats, which its user can forge, checked before dask-gateway reads them.

dask-gateway sends requests to the address that a scheduler reports, and its proxy passes users'
connections to it. So an address must be on the node on which YARN runs the scheduler: others become
the node's name. These are forged ones, and those of nodes with several networks, where distributed
reports the address of the route to the internet.

Source: dask_gateway.scheduler_preload.GatewaySchedulerService.heartbeat (2026.3.0).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import time
from typing import Any
from weakref import WeakKeyDictionary

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import quoted

# Any, in this module: dask-gateway's messages have no types

_SCHEMES = {"scheduler_address": "tls", "dashboard_address": "http", "api_address": "http"}
_WORKERS = ("active_workers", "closing_workers", "closed_workers")
_MAX_COUNT = 2**31 - 1
"""What the database stores; dask-gateway then applies the cluster's own limit."""
_LAST_PORT = 2**16 - 1
_BURST, _RATE = 20.0, 2.0
"""Heartbeats of a cluster at once, and per second: a scheduler sends one every 15 s, and one when
it is asked for workers or has lost one."""


class Pace:
    """Limits how often a scheduler reports: what it reports is written to the database."""

    def __init__(self) -> None:
        self._left: WeakKeyDictionary[Any, tuple[float, float]] = WeakKeyDictionary()

    def allows(self, cluster: Any) -> bool:
        """Whether another heartbeat of a cluster is read now; its scheduler sends it again."""
        now = time.monotonic()
        left, when = self._left.get(cluster, (_BURST, now))
        left = min(_BURST, left + (now - when) * _RATE)
        allowed = left >= 1
        self._left[cluster] = left - 1 if allowed else left, now
        return allowed


def read(message: Any) -> dict[str, Any]:
    """The fields of a heartbeat that dask-gateway reads.

    Raises:
        RemoteProtocolError: One is missing or has a wrong value.
    """
    if not isinstance(message, dict):
        raise RemoteProtocolError("a heartbeat must be a JSON object")
    for name, scheme in _SCHEMES.items():
        if message.get(name) != "" or name != "dashboard_address":  # without Bokeh, it is empty
            _split(name, scheme, message.get(name))
    count = message.get("count")
    if not isinstance(count, int | float) or not 0 <= count <= _MAX_COUNT:
        raise RemoteProtocolError(f"count is not a number of workers: {quoted(count)}")
    for name in _WORKERS:
        names = message.get(name)
        # A worker that is not the gateway's may have a number as its name.
        if not isinstance(names, list) or not all(isinstance(each, str | int) for each in names):
            raise RemoteProtocolError(f"{name} is not a list of names: {quoted(names)}")
    known = {name: message[name] for name in (*_SCHEMES, *_WORKERS)}
    return {**known, "count": int(count)}  # the limits of `adapt` may be fractions


async def on_node(heartbeat: dict[str, Any], node: str) -> dict[str, Any]:
    """A heartbeat whose addresses are on the node of its scheduler.

    Args:
        heartbeat: From `read`.
        node: The name that YARN has for the node.
    """
    known = await _addresses(node)
    # Debian's /etc/hosts maps a machine's own name to a loopback address.
    here = bool(known) and all(ipaddress.ip_address(each).is_loopback for each in known)
    moved = dict(heartbeat)
    for name, scheme in _SCHEMES.items():
        if heartbeat[name]:
            host, port = _split(name, scheme, heartbeat[name])
            address = host.strip("[]")
            stays = address in known or (here and _is_own(address))
            moved[name] = f"{scheme}://{host if stays else node}:{port}"
    return moved


async def _addresses(node: str) -> set[str]:
    """The IP addresses of a node, as far as this machine knows them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(node, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(address[0]) for *_, address in found}


def _is_own(address: str) -> bool:
    """Whether this machine has an IP address: then it is the source of what is sent there."""
    try:
        version = ipaddress.ip_address(address).version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as each:
            each.connect((address, 9))  # sends nothing
            return bool(each.getsockname()[0] == address)
    except (OSError, ValueError):
        return False


def _split(name: str, scheme: str, address: Any) -> tuple[str, int]:
    """The host and the port of an address."""
    pattern = rf"{scheme}://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{{1,5}})"
    found = re.fullmatch(pattern, address) if isinstance(address, str) else None
    if found is None or not 0 < int(found[2]) <= _LAST_PORT:
        raise RemoteProtocolError(f"{name} is not {scheme}://HOST:PORT: {quoted(address)}")
    return found[1], int(found[2])

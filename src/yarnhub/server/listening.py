"""The sockets that a service listens on."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import TYPE_CHECKING

from tornado.netutil import bind_sockets

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    import socket


def bind(ip: str, port: int, *, is_private: bool) -> list[socket.socket]:
    """Bind sockets to an address, and listen.

    Args:
        ip: The address; empty for all.
        port: The port; 0 for any.
        is_private: Whether nobody can read what is sent: with HTTPS, or on an encrypted network.

    Raises:
        ConfigurationError: Tokens could be read on the network, or the address cannot be used.
    """
    if not is_private and not _is_loopback(ip):
        raise ConfigurationError(
            "Without HTTPS, tokens could be read on the network: listen on 127.0.0.1 instead of "
            f"{ip or 'all addresses'}, or set up HTTPS (certfile and keyfile, or internal_ssl of "
            "the hub)"
        )
    try:
        return list(bind_sockets(port, ip))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {ip}:{port}: {error.strerror}") from error


def _is_loopback(ip: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(ip).is_loopback
    return ip == "localhost"

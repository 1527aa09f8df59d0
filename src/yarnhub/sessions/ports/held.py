"""The port that a server's program holds, from before the hub is told of it until it ends.

No other program on the node can listen there: the sockets listen before the port is reported, and
the server uses these sockets.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.sessions.ports import proof

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # what it says
_BACKLOG = 128
"""Connections that wait until the server takes them: tornado's own."""
_TRIES = 50
"""How many ports of the system's choice are tried: one may be taken at another address."""
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    """Where a program shall listen.

    Attributes:
        addresses: The addresses at which the hub reaches the node; if empty, all that the node has.
        strict: Whether it shall listen nowhere if the node has none of them: the administrator
            has named them.
        first: The lowest port; 0 leaves the choice to the node.
        last: The highest port.
    """

    addresses: tuple[str, ...] = ()
    strict: bool = False
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class HeldPort:
    """A port at which this process listens.

    Attributes:
        number: The port.
        sockets: One for each address.
    """

    number: int
    sockets: Sequence[socket.socket]

    @property
    def addresses(self) -> list[str]:
        """At which it listens."""
        return [each.getsockname()[0].partition("%")[0] for each in self.sockets]

    def prove(self, token: str, nonce: str) -> bytes | None:
        """What to answer to a hub that asks who listens here; None to what no hub asks."""
        if not proof.NONCE.fullmatch(nonce):
            return None
        return proof.prove(token, nonce, self.addresses, self.number)

    def close(self) -> None:
        """Listen no longer."""
        for each in self.sockets:
            each.close()


class AddressError(ConfigurationError):
    """The node does not have the address at which a program has to listen."""


class NoFreePortError(ConfigurationError):
    """All ports at which a program may listen are taken."""


def listen(options: ListenOptions) -> HeldPort:
    """Listen at one port, at all addresses.

    Addresses that this node does not have are left out, for a hub may know it by others; if it has
    none of them, it listens at all of its own.

    Raises:
        AddressError: It may listen nowhere.
        NoFreePortError: No port is free there.
        ConfigurationError: Something else is wrong.
    """
    addresses = [each for each in options.addresses if _is_here(each)] or EVERYWHERE
    if options.strict and addresses is EVERYWHERE:
        raise AddressError(f"this node does not have the address {', '.join(options.addresses)}")
    for port in _ports(options):
        if held := _hold(addresses, port):
            return held
    ports = "port" if options.first == options.last else f"port from {options.first} to"
    raise NoFreePortError(
        f"no {ports} {options.last or 'at all'} is free on this node at {', '.join(addresses)}"
    )


def _ports(options: ListenOptions) -> Iterator[int]:
    if not options.first:
        yield from [0] * _TRIES
        return
    # Not all servers of a node try the same one first.
    ports = list(range(options.first, options.last + 1))
    random.shuffle(ports)
    yield from ports


def _is_here(address: str) -> bool:
    try:
        _bound(address, 0).close()
    except OSError as error:
        if _is_missing(error):
            return False
        raise ConfigurationError(f"this node cannot listen at {address}: {error}") from error
    return True


def _is_missing(error: OSError) -> bool:
    """Whether the node does not have an address, rather than anything else being wrong."""
    return isinstance(error, socket.gaierror) or error.errno in _NOT_HERE


def _hold(addresses: Sequence[str], port: int) -> HeldPort | None:
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for address in addresses:
            try:
                bound = opened.enter_context(_bound(address, port))
                bound.listen(_BACKLOG)
            except OSError as error:
                if _is_missing(error) and sockets:
                    continue  # a node without IPv6
                if error.errno in _TAKEN:
                    return None
                raise ConfigurationError(
                    f"this node cannot listen at {address}: {error}"
                ) from error
            sockets.append(bound)
            port = bound.getsockname()[1]
        opened.pop_all()
        return HeldPort(port, sockets)


def _bound(address: str, port: int) -> socket.socket:
    """A socket at an address. It holds the port once it listens, even if it was bound before."""
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, at = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of connections that are over
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.settimeout(0)  # as tornado wants it
        made.bind(at)
    except OSError:
        made.close()
        raise
    return made

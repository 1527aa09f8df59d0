"""The port on which a server's program listens, from before the report until its end.

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
"""The maximum number of connections that are not accepted yet; tornado's default."""
_TRIES = 50
"""How many free ports are tried: a port can be in use on another address."""
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    """Where a program must listen.

    Attributes:
        addresses: The addresses at which the hub reaches the node; if empty, all of the node's.
        strict: Whether it is an error if the node has none of them, because the administrator has
            configured them.
        first: The lowest port; 0 means any free port.
        last: The highest port.
    """

    addresses: tuple[str, ...] = ()
    strict: bool = False
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class HeldPort:
    """A port on which this process listens.

    Attributes:
        number: The port.
        sockets: One for each address.
    """

    number: int
    sockets: Sequence[socket.socket]

    @property
    def addresses(self) -> list[str]:
        """The addresses on which it listens."""
        return [each.getsockname()[0].partition("%")[0] for each in self.sockets]

    def prove(self, token: str, nonce: str) -> bytes | None:
        """The response to a hub's request for proof; None if the request is not a hub's."""
        if not proof.NONCE.fullmatch(nonce):
            return None
        return proof.prove(token, nonce, self.addresses, self.number)

    def close(self) -> None:
        """Stop listening."""
        for each in self.sockets:
            each.close()


class AddressError(ConfigurationError):
    """The node does not have the address on which a program must listen."""


class NoFreePortError(ConfigurationError):
    """All ports on which a program may listen are in use."""


def listen(options: ListenOptions) -> HeldPort:
    """Listen on one port, on all addresses.

    Addresses that this node does not have are ignored, because its name can resolve to others on
    the hub's machine; if it has none of them, the program listens on all of its own.

    Raises:
        AddressError: The node has none of the addresses, and `strict` is set.
        NoFreePortError: No port is free there.
        ConfigurationError: The node cannot listen for another reason.
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
    # The servers of a node do not all try the same port first.
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
    """Whether the error means that the node does not have the address."""
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
    """A socket bound to an address. The port is its own only once it listens."""
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, at = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for connections in TIME_WAIT
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.settimeout(0)  # as tornado requires
        made.bind(at)
    except OSError:
        made.close()
        raise
    return made

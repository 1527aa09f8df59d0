"""The host and port of a daemon."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from yarnhub.base.foreign_text import quoted

if TYPE_CHECKING:
    import asyncio


class Address(NamedTuple):
    """The address at which a daemon listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, default_port: int | None = None) -> Address:
        """Read `host:port`, `host` or `[v6]:port`; a leading `scheme://` is ignored.

        Raises:
            ValueError: The host is missing, the port is missing and has no default, or is invalid.
        """
        rest = text.strip().partition("://")[2] or text.strip()
        if rest.startswith("["):
            host, _, rest = rest[1:].partition("]")
            port = rest.removeprefix(":")
        elif rest.count(":") > 1:
            host, port = rest, ""
        else:
            host, _, port = rest.partition(":")
        number = int(port) if port else default_port
        if not host or number is None or not 0 <= number < 65536:
            raise ValueError(f"{quoted(text)} is not host:port")
        return cls(host, number)


def refuse_self(transport: asyncio.WriteTransport) -> None:
    """Close a TCP connection to itself.

    A connection to a port of this host to which nobody listens gets that port by chance as its
    own; what it sends would be its answer.

    Raises:
        ConnectionRefusedError: It was one.

    Source: Hadoop, org.apache.hadoop.net.NetUtils.connect.
    """
    own, peer = (transport.get_extra_info(name) for name in ("sockname", "peername"))
    if own and own == peer:
        transport.abort()
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

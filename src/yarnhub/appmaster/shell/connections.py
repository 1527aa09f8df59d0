"""A port and those who have connected to it, whatever is spoken there."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], "Connection | None"]

_LAST_ANSWERS = 1.0
"""Seconds for answers that are under way when the server ends."""
_HANDSHAKE = 10.0
_GOODBYE = 0.5
"""Seconds for TLS's handshake, and for its end."""


class Connection(Protocol):
    """One client's connection."""

    last: bool
    """Whether no further request is taken."""

    @property
    def busy(self) -> bool:
        """Whether a request has come whose answer is not out."""
        ...

    async def run(self) -> None:
        """Serve until either side has had enough, and close."""
        ...


@contextlib.asynccontextmanager
async def listen(
    accept: Accept,
    host: str,
    port: int = 0,
    *,
    context: ssl.SSLContext | None = None,
    most: int | None = None,
) -> AsyncIterator[int]:
    """Serve on a port of `host`, a free one for 0; yields the port.

    Leaving closes the port at once and gives answers under way up to a second.

    Args:
        accept: Makes the connection of a client; None turns it away.
        host: Where to listen.
        port: And at which port.
        context: For TLS.
        most: Connections at once, above which further ones are closed; None has no limit.
    """
    connections: dict[asyncio.Task[None], Connection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        full = most is not None and len(connections) >= most
        connection = None if full else accept(reader, writer)
        if connection is None:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        connections[task] = connection
        try:
            await connection.run()
        except asyncio.CancelledError:
            # By us, below; asyncio 3.11 takes a cancelled task for a fault and logs it as one.
            if not connection.last:
                raise
        finally:
            del connections[task]

    server = await asyncio.start_server(
        connected,
        host,
        port,
        ssl=context,
        ssl_handshake_timeout=_HANDSHAKE if context else None,
        ssl_shutdown_timeout=_GOODBYE if context else None,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections.values():
            connection.last = True
        busy = {task for task, connection in connections.items() if connection.busy}
        if busy:
            await asyncio.wait(busy, timeout=_LAST_ANSWERS)
        left = set(connections)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LAST_ANSWERS)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever its client does."""
    writer.close()
    closed = False
    try:
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        closed = True
    finally:
        if not closed:  # a client that does not read must not hold the connection
            writer.transport.abort()

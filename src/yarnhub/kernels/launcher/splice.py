"""Joins two connections: what comes on one goes out on the other, as fast as that takes it."""

from __future__ import annotations

import asyncio
import contextlib
import select

_MAX_EARLY = 64 * 1024
"""Bytes that are read before there is another end; a ZMTP handshake has some hundred."""
_HIGH_WATER = 256 * 1024
"""Bytes that one end has not taken, above which the other end is not read."""
_CLOSE_TIMEOUT = 5.0
"""Seconds for an end to take what is left for it."""


class End(asyncio.Protocol):
    """One end: a connection, of which reading begins before the other one exists.

    Attributes:
        closed: Done when the connection is.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._other: End | None = None
        self._closing = False
        self._early = bytearray()
        self._came = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    async def read_byte(self) -> int | None:
        """The next byte, before this end is joined to another; None if the connection is closed."""
        while not self._early:
            if self.closed.done():
                return None
            self._came.clear()
            await self._came.wait()
        byte = self._early[0]
        del self._early[:1]
        return byte

    async def write(self, data: bytes) -> None:
        """Write, and wait until there is room for more.

        Raises:
            ConnectionResetError: It is closed.
        """
        if self.closed.done():
            raise ConnectionResetError
        self.transport.write(data)
        await self._writable.wait()

    def has_left(self) -> bool:
        """Whether the peer has closed the connection, although asyncio may not say so yet."""
        socket = self.transport.get_extra_info("socket")  # TLS's transport may have lost it
        if self.closed.done() or socket is None or socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def join(self, other: End) -> None:
        """Join this end to another one."""
        self._attach(other)
        other._attach(self)

    async def close(self) -> None:
        """Close the connection; what was written is sent, unless the peer does not take it."""
        self.begin_close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await asyncio.shield(self.closed)
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        if not self.closed.done():
            self._closing = True
            self.transport.abort()

    def begin_close(self) -> None:
        """Close the connection without waiting for it; nothing happens if it is closed."""
        # TLS's transport cannot be aborted once it was closed twice.
        if not self._closing:
            self._closing = True
            self.transport.close()

    def _attach(self, other: End) -> None:
        self._other = other
        if self._early:
            other.transport.write(bytes(self._early))
            self._early.clear()
        if self._writable.is_set():
            other.transport.resume_reading()
        if self.closed.done():
            other.begin_close()

    # --- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._other is not None:
            self._other.transport.write(data)
            return
        self._early += data
        self._came.set()
        if len(self._early) > _MAX_EARLY:
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._writable.clear()
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._writable.set()
        if self._other is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        """See `asyncio.BaseProtocol`."""
        self.closed.set_result(None)
        self._came.set()
        self._writable.set()
        if self._other is not None:
            self._other.begin_close()

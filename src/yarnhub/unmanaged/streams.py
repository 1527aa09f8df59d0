"""Connections of an application's containers that carry something else than requests.

A program in a container that offers `control.frames.STREAM` in the TLS handshake gets such a
connection at the port that all applications of the process share, with its application's own pair
like all clients. What the connection carries is up to what accepts the streams of the application;
its first byte says what it is for.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StreamAcceptor = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    """Serves a connection, given its first byte; it is closed when that returns."""

_FIRST_BYTE_TIMEOUT = 5.0
"""Seconds in which a client must send the first byte."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""The operating system looks after the silent ones: those of a node that was lost end."""


class Streams:
    """The connections without requests of one application's containers.

    Args:
        accept: Serves each of them.
        most: How many there may be at once.
    """

    def __init__(self, accept: StreamAcceptor, most: int) -> None:
        self.accept = accept
        self.count = 0
        self._most = most

    def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> StreamConnection | None:
        """The connection of a client that has been admitted; None if there are too many."""
        if self.count >= self._most:
            return None
        return StreamConnection(self, reader, writer)


class StreamConnection:
    """One of them; see `listener.ClientConnection`."""

    busy = False
    """Never: nobody waits for its end when the process leaves the application."""
    last = False

    def __init__(
        self, streams: Streams, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._streams = streams
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Serve until what accepts it has had enough."""
        self._streams.count += 1
        try:
            sock: socket.socket = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            async with asyncio.timeout(_FIRST_BYTE_TIMEOUT):
                first = await self._reader.read(1)
            if first:
                await self._streams.accept(first, self._reader, self._writer)
        finally:
            self._streams.count -= 1

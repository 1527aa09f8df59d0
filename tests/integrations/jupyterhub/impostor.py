"""Another program at a server's port."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator


class Impostor:
    """Takes what it is sent, and answers with what it likes.

    Args:
        server: The port of the server that it hands on to, if it does.
    """

    def __init__(self, answer: bytes = b"", server: int = 0) -> None:
        self.received = b""
        self._answer = answer
        self._server = server

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError):
            request = await reader.readuntil(b"\r\n\r\n")
            self.received += request
            if self._server:
                others, theirs = await asyncio.open_connection("127.0.0.1", self._server)
                theirs.write(request)
                self._answer = await others.read(-1)
                theirs.close()
            writer.write(self._answer)
            await writer.drain()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

"""Connections that are cut off in mid-word: a proxy on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import random
    from types import TracebackType

FOREVER = 1 << 62


class _Link:
    """Two connections of which one is passed on to the other, either way."""

    def __init__(self, left: int) -> None:
        self.left = left
        """Bytes that still pass."""
        self.cut = asyncio.Event()

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data[: self.left])
                await writer.drain()
                self.left -= len(data)
                if self.left <= 0:
                    self.cut.set()
                    return
        self.cut.set()


class Cutter:
    """Passes connections on to a server, until it is told to cut them.

    Args:
        target: The server's host and port.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._next: list[int] = []
        self._server: asyncio.Server | None = None
        self.cuts = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self, chance: random.Random) -> None:
        """Cut every connection, and the next two, when a few more bytes have passed."""
        for link in self._links:
            link.left = chance.randrange(400)
        # One may be cut in its handshake, the other one in its first call.
        self._next = [chance.randrange(2000) for _ in range(2)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self._next.pop() if self._next else FOREVER)
        writers = [writer]
        try:
            there, away = await asyncio.open_connection(*self._target)
            writers.append(away)
            self._links.add(link)
            async with asyncio.TaskGroup() as group:
                copies = [
                    group.create_task(link.copy(reader, away)),
                    group.create_task(link.copy(there, writer)),
                ]
                await link.cut.wait()
                for copy in copies:
                    copy.cancel()
            self.cuts += link.left <= 0
        except ConnectionError:
            pass  # as if this were the server that is not there
        finally:
            self._links.discard(link)
            for each in writers:
                each.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in self._links:
            link.cut.set()
        while self._links:
            await asyncio.sleep(0)

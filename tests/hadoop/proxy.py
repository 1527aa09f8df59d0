"""A server that is cut off behind any byte, for tests: a proxy on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Proxy:
    """Passes on what a server says, up to a byte; then it is as if the server had been killed.

    Attributes:
        target: The server.
        left: Bytes that clients will still receive.
        passed: Bytes that they have received.
    """

    target: Address
    left: int
    passed: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    listener: asyncio.Server | None = None

    @property
    def address(self) -> Address:
        assert self.listener is not None
        return Address(*self.listener.sockets[0].getsockname()[:2])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection(self.target.host, self.target.port)
        self.writers += [writer, away]
        try:
            async with asyncio.TaskGroup() as group:
                upwards = group.create_task(_copy(reader, away))
                await self._answer(there, writer)
                upwards.cancel()
        finally:
            writer.close()
            away.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while self.left > 0 and (data := await reader.read(self.left)):
                self.left -= len(data)
                self.passed += len(data)
                if self.left <= 0:
                    self.close()
                writer.write(data)
                await writer.drain()

    def close(self) -> None:
        assert self.listener is not None
        self.listener.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


@contextlib.asynccontextmanager
async def cut_behind(target: Address, count: int = 1 << 30) -> AsyncIterator[Proxy]:
    """A proxy that is gone, with all its connections, when `count` bytes have been answered."""
    proxy = Proxy(target, count)
    proxy.listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy
    finally:
        proxy.close()
        for writer in proxy.writers:
            writer.close()
        for writer in proxy.writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

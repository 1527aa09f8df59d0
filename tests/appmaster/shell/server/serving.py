"""The control server over real TLS on loopback, and a client that sends bytes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server.admission import OwnAdmission
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.client.access.credentials import Credentials
from yarnhub.control.bootstrap import SERVER_NAME
from yarnhub.control.messages import (
    Entries,
    Entry,
    GetKey,
    Nothing,
    Request,
    WaitKey,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable


ID = "application_1_0001"
PAIR = Credentials.generate().for_application(ID)
OTHER = Credentials.generate().for_application(ID)


class Answering:
    """What stands behind the server: notes requests, answers or holds them."""

    def __init__(self) -> None:
        self.requests: list[Request[Any]] = []
        self.came = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.cancelled = 0
        self.failure: Exception | None = None

    async def __call__(self, request: Request[Any]) -> object:
        self.requests.append(request)
        self.came.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        match request:
            case GetKey() | WaitKey():
                return Entries(entries=(Entry(key=request.key, value=b"v"),))
            case _:
                return Nothing()


class Client:
    """One connection, by bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def post(self, name: str, body: bytes = b"{}", method: str = "POST", extra: str = "") -> None:
        head = f"{method} /control/{name} HTTP/1.1\r\nHost: x\r\n{extra}"
        self.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def answer(self, *, body: bool = True) -> tuple[int, bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split()[1])
        lengths = [line for line in head.split("\r\n") if line.lower().startswith("content-length")]
        length = int(lengths[0].split(":")[1]) if lengths and body else 0
        return status, await self.reader.readexactly(length)

    async def closed(self) -> bytes:
        """All that still comes until the server closes."""
        return await self.reader.read()


def own_admission(
    answer: Callable[[Request[Any]], Awaitable[object]], budgets: Budgets | None = None
) -> OwnAdmission:
    return OwnAdmission(PAIR.certificate, PAIR.key, answer, budgets or Budgets())


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[Request[Any]], Awaitable[object]], budgets: Budgets | None = None
) -> AsyncIterator[int]:
    """A server for the block; afterwards nothing of it runs on."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(20):
        async with serve(own_admission(answer, budgets), "127.0.0.1") as port:
            yield port
        while not asyncio.all_tasks() <= before:  # asyncio's own, of a handshake that failed
            await asyncio.sleep(0.01)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


@contextlib.asynccontextmanager
async def connected(port: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context or PAIR.client_context(), server_hostname=SERVER_NAME
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

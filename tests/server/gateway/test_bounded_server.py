"""Connections are bounded before anybody has authenticated."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tornado import web
from tornado.netutil import bind_sockets

from yarnhub.server.gateway.bounded_server import BoundedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.jupyter

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Handler(web.RequestHandler):
    def get(self) -> None:
        self.write("served")


class Serving:
    def __init__(self, port: int, stack: contextlib.ExitStack) -> None:
        self.port = port
        self.stack = stack

    async def open(self, address: str = "127.0.0.1") -> Opened:
        opened = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.stack.callback(opened[1].close)
        return opened

    async def is_served(self, opened: Opened) -> bool:
        with contextlib.suppress(OSError):
            opened[1].write(REQUEST)
            async with asyncio.timeout(30):
                with contextlib.suppress(asyncio.IncompleteReadError):
                    return (await opened[0].readuntil(b"served")).endswith(b"served")
        return False


@contextlib.asynccontextmanager
async def serving(
    most: int, each_address: int | None = None, first_request: float = 30
) -> AsyncIterator[Serving]:
    http = BoundedServer(
        web.Application([("/", Handler)]),
        most=most,
        each_address=each_address,
        first_request=first_request,
    )
    (listening,) = bind_sockets(0, "127.0.0.1")
    http.add_socket(listening)
    try:
        with contextlib.ExitStack() as stack:
            yield Serving(listening.getsockname()[1], stack)
    finally:
        http.stop()
        await http.close_all_connections()


async def test_connections_are_bounded_and_others_stay_open() -> None:
    async with serving(most=2) as server:
        first, second = await server.open(), await server.open()
        assert await server.is_served(first)
        assert await server.is_served(second)

        third = await server.open()
        assert not await server.is_served(third)

        assert await server.is_served(first)
        first[1].close()
        async with asyncio.timeout(30):
            while not await server.is_served(await server.open()):
                pass


async def test_one_address_does_not_take_all_connections() -> None:
    async with serving(most=4, each_address=2) as server:
        opened = [await server.open() for _ in range(3)]
        assert [await server.is_served(each) for each in opened] == [True, True, False]

        assert await server.is_served(await server.open("127.0.0.2"))


async def test_a_connection_without_a_request_is_closed_soon() -> None:
    async with serving(most=4, first_request=0.01) as server:
        reader, writer = await server.open()
        writer.write(REQUEST[:20])

        async with asyncio.timeout(30):
            assert await reader.read() == b""


async def test_a_connection_stays_open_after_its_first_request() -> None:
    async with serving(most=4, first_request=5) as server:
        opened = await server.open()

        for _ in range(3):
            assert await server.is_served(opened)

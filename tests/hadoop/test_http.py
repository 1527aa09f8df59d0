"""HTTP exchanges against servers that answer as they like."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from base.pauses import turns_until
from hadoop.http_server import server
from yarnhub.base.errors import ConnectError, ConnectionLostError, RemoteProtocolError
from yarnhub.hadoop.http import exchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that reads a head and gives this answer."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with server(handler) as url:
        yield url


async def test_an_exchange() -> None:
    requests: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(3))
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Made\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")

    async with (
        server(handler) as url,
        exchange("PUT", f"{url}/a%20b?x=1", headers=[("X-B", "2")], body=b"xyz") as response,
    ):
        assert (response.status, response.reason) == (201, "Made")
        assert (response.header("x-a"), response.header("x-c")) == ("1", "")
        assert b"".join([chunk async for chunk in response.chunks]) == b"abc"
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"PUT /a%20b?x=1 HTTP/1.1"
    assert {b"Content-Length: 3", b"Connection: close", b"X-B: 2"} <= set(lines)
    assert body == b"xyz"


async def test_a_body_in_chunks() -> None:
    async def body() -> AsyncGenerator[bytes, None]:
        yield b"ab"
        yield b"c"

    bodies: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with server(handler) as url, exchange("PUT", url, body=body()) as response:
        assert [chunk async for chunk in response.chunks] == []
    assert bodies == [b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"]


async def test_a_refusal_is_read_though_the_body_was_not() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()

    async with server(handler) as url, exchange("PUT", url, body=b"x" * 100) as response:
        assert response.status == 403
        assert [chunk async for chunk in response.chunks] == [b"no"]


async def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{port}"):
        async with exchange("GET", f"http://127.0.0.1:{port}/secret"):
            pass


async def test_a_port_without_a_server_does_not_answer_itself(own_port: int) -> None:
    with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{own_port}: .*refused"):
        async with exchange("GET", f"http://127.0.0.1:{own_port}/"):
            pass


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 100 C\r\n\r\n"])
async def test_an_answer_that_does_not_come(answer: bytes) -> None:
    async with answering(answer) as url:
        with pytest.raises(ConnectionLostError, match=url.removeprefix("http://")):
            async with exchange("GET", url):
                pass


async def test_a_body_that_ends_early() -> None:
    async with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") as url,
        exchange("GET", url) as response,
    ):
        assert await anext(response.chunks) == b"abc"
        with pytest.raises(ConnectionLostError):
            await anext(response.chunks)


async def test_something_else_than_http() -> None:
    async with answering(b"SSH-2.0-x\r\n\r\n") as url:
        with pytest.raises(RemoteProtocolError, match="violated HTTP"):
            async with exchange("GET", url):
                pass


async def test_an_answer_that_is_only_announced() -> None:
    async with answering(b"HTTP/1.1 100 C\r\n\r\n" * 100_000) as url:
        with pytest.raises(RemoteProtocolError, match="announced a response but sent none"):
            async with exchange("GET", url):
                pass


async def test_a_body_in_thousands_of_pieces_holds_nobody_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"

    async def read(url: str) -> int:
        async with exchange("GET", url) as response:
            return sum([len(chunk) async for chunk in response.chunks])

    async with answering(head + body) as url, asyncio.TaskGroup() as group:
        reading = group.create_task(read(url))
        turns = await turns_until(reading.done)
    assert reading.result() == 100_000
    assert max(turns) < 0.1


async def test_cancelling_closes_the_connection() -> None:
    came, closed = asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        closed.set()

    async def ask(url: str) -> None:
        async with exchange("GET", url):
            pass

    async with server(handler) as url, asyncio.TaskGroup() as group:
        task = group.create_task(ask(url))
        await came.wait()
        task.cancel()
        async with asyncio.timeout(20):
            await closed.wait()

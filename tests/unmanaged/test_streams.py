"""Connections without requests at the port of many applications, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest

from unmanaged.house import NOBODY, A, B, House, ServedApplication, exchange, thief
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.client.access.credentials import Credentials
from yarnhub.control.bootstrap import server_name
from yarnhub.control.frames import STREAM
from yarnhub.unmanaged import streams as module
from yarnhub.unmanaged.streams import Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Echo:
    """Accepts streams: sends back what comes, up to the end of it."""

    def __init__(self) -> None:
        self.firsts: list[bytes] = []
        self.ended = 0

    async def __call__(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.firsts.append(first)
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            self.ended += 1


def accept(application: ServedApplication, most: int = 2) -> Echo:
    echo = Echo()
    application.clients.streams = Streams(echo, most)
    return echo


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with asyncio.timeout(60), serve(house.admission, "127.0.0.1") as house.port:
        yield house


def context(credentials: Credentials, protocol: str = STREAM) -> ssl.SSLContext:
    found = credentials.client_context()
    found.set_alpn_protocols([protocol])
    return found


@contextlib.asynccontextmanager
async def stream(
    house: House, application: ServedApplication
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        house.port,
        ssl=context(application.credentials),
        server_hostname=server_name(application.name),
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_stream_reaches_what_accepts_its_applications(house: House) -> None:
    a, b = accept(house.a), accept(house.b)
    async with stream(house, house.b) as (reader, writer):
        writer.write(b"xhello")
        assert await reader.readexactly(5) == b"hello"
    assert (a.firsts, b.firsts) == ([], [b"x"])
    assert house.b.requests == []
    async with house.client(B, house.b.credentials) as client:
        assert await client.get_specification() == B


async def test_an_application_that_accepts_none_refuses_it(house: House) -> None:
    async with stream(house, house.a) as (reader, writer):
        writer.write(b"x")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert house.a.requests == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: each.name)
async def test_no_other_key_reaches_it(house: House, version: ssl.TLSVersion) -> None:
    a, b = accept(house.a), accept(house.b)
    stolen = thief(house, version)
    stolen.set_alpn_protocols([STREAM])
    answer, _ = await exchange(house, stolen, server_name(A), ask=b"x}")
    assert answer == b"}"
    for name in (server_name(B), server_name(NOBODY), "skein-internal", None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await exchange(house, stolen, name, ask=b"x}")
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    bare.set_alpn_protocols([STREAM])
    unknown = Credentials.generate().client_context()
    unknown.verify_mode = ssl.CERT_NONE
    unknown.set_alpn_protocols([STREAM])
    for other in (bare, unknown):
        other.maximum_version = version
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await exchange(house, other, server_name(B), ask=b"x}")
    assert (len(a.firsts), b.firsts) == (1, [])


@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: each.name)
async def test_a_resumed_session_of_another_application_does_not_reach_it(
    house: House, version: ssl.TLSVersion
) -> None:
    house.admission.context.options &= ~ssl.OP_NO_TICKET
    house.admission.context.num_tickets = 2
    a, b = accept(house.a), accept(house.b)
    stolen = thief(house, version)
    stolen.set_alpn_protocols([STREAM])
    _, session = await exchange(house, stolen, server_name(A), ask=b"x}")
    assert session is not None
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await exchange(house, stolen, server_name(B), session, ask=b"x}")
    assert b.firsts == []
    assert a.firsts[:1] == [b"x"]


async def test_their_number_is_bounded_for_each_application(house: House) -> None:
    a, _ = accept(house.a, most=2), accept(house.b)
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(stream(house, house.a)) for _ in range(2)]
        for reader, writer in opened:
            writer.write(b"x1")
            assert await reader.readexactly(1) == b"1"
        async with stream(house, house.a) as (reader, writer):
            writer.write(b"x1")
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        async with house.client(A, house.a.credentials) as client:
            assert await client.get_specification() == A, "requests are counted apart"
        async with stream(house, house.b) as (reader, writer):
            writer.write(b"x1")
            assert await reader.readexactly(1) == b"1"
    while a.ended < 2:
        await asyncio.sleep(0.01)
    async with stream(house, house.a) as (reader, writer):
        writer.write(b"x1")
        assert await reader.readexactly(1) == b"1"


async def test_a_client_that_does_not_say_what_it_is_for_is_closed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_BYTE_TIMEOUT", 0.05)
    a = accept(house.a, most=1)
    async with stream(house, house.a) as (reader, _):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert a.firsts == []
    monkeypatch.undo()
    async with stream(house, house.a) as (reader, writer):
        writer.write(b"x1")
        assert await reader.readexactly(1) == b"1", "and makes room for another one"


async def test_a_silent_stream_stays_open_until_the_server_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_BYTE_TIMEOUT", 0.5)
    house = House()
    echo = accept(house.a)
    async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
        async with serve(house.admission, "127.0.0.1") as house.port:
            opened = stream(house, house.a)
            reader, writer = await stack.enter_async_context(opened)
            writer.write(b"x")
            loop = asyncio.get_running_loop()
            until = loop.time() + 1
            while loop.time() < until:
                assert echo.ended == 0
                await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert echo.ended == 1

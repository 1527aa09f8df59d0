"""What clients may cost that are silent, slow, or send a body in thousands of pieces."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from appmaster.shell.server.serving import Answering, connected, own_admission, serving
from base.pauses import turns_until
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server import http, listener
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.control.messages import (
    Entries,
    Entry,
    Request,
)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /control/GetKey HT",
        b"POST /control/GetKey HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body"],
)
async def test_a_client_that_falls_silent_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "IDLE_TIMEOUT", 0.1)
    answering = Answering()
    async with serving(answering) as port, connected(port) as client:
        client.send(sent)
        assert await client.closed() == b""
    assert answering.requests == []


async def test_a_client_that_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "IDLE_TIMEOUT", 0.5)
    monkeypatch.setattr(listener, "_DRAIN_TIMEOUT", 0.01)
    monkeypatch.setattr(listener, "_CLOSE_TIMEOUT", 0.01)
    monkeypatch.setattr(listener, "_SHUTDOWN_TIMEOUT", 0.01)
    large = b"x" * 20_000_000
    before: set[asyncio.Task[Any]] = set()

    async def answer(request: Request[Any]) -> object:
        task = asyncio.current_task()
        assert task is not None
        before.add(task)
        return Entries(entries=(Entry(key="k", value=large),))

    async with serving(answer) as port, connected(port) as client:
        client.post("GetKey", b'{"key":"k"}')
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"200" in head
        # From here on the client's own buffers fill, and nobody empties them.
        done, _ = await asyncio.wait(before, timeout=15)
        assert done == before
        with contextlib.suppress(ConnectionError):
            assert len(await client.closed()) < len(large)


async def test_a_client_that_goes_away_while_it_waits_is_noticed_at_the_waits_end() -> None:
    answering = Answering()
    answering.go_on.clear()
    async with serving(answering) as port:
        async with connected(port) as client:
            client.post("WaitKey", b'{"key":"k","timeout":0.1}')
            await answering.came.wait()
        async with connected(port) as client:
            answering.go_on.set()
            client.post("GetSpecification")
            assert (await client.answer())[0] == 200


IN_PIECES = b"POST /control/GetKey HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"1\r\nx\r\n"


async def test_a_body_in_thousands_of_pieces_holds_nobody_up() -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.send(IN_PIECES + PIECE * 30_000 + b"0\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(client.answer())
            turns = await turns_until(answer.done)
        assert answer.result()[0] == 400
        assert max(turns) < 0.1


async def test_pieces_are_paid_for_and_not_only_their_bytes() -> None:
    admission = own_admission(Answering(), Budgets(rate=1 << 20))
    clients = admission.clients(None)  # type: ignore[arg-type]  # it looks at nobody
    async with (
        asyncio.timeout(20),
        serve(admission, "127.0.0.1") as port,
        connected(port) as client,
    ):
        client.send(IN_PIECES + PIECE * 15_000)
        while not clients.spend(0):  # 90 kB alone are within two seconds' rate
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", IN_PIECES + PIECE], ids=["between requests", "in a body"])
async def test_a_client_that_closes_leaves_no_word_in_the_log(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.post("GetSpecification")
        assert (await client.answer())[0] == 200
        client.send(sent)
        client.writer.close()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()
    assert caplog.records == []


async def test_a_client_that_goes_before_all_is_read_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_CLOSE_TIMEOUT", 0.2)
    answering = Answering()
    answering.go_on.clear()
    async with serving(answering) as port, connected(port) as client:
        client.post("GetSpecification")
        await answering.came.wait()
        client.send(b"no HTTP\r\n\r\n" + b"x" * 300_000)  # more than is read ahead
        while client.writer.transport.get_write_buffer_size():
            await asyncio.sleep(0.01)
        client.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)  # until the server has seen it
        answering.go_on.set()
        await client.closed()

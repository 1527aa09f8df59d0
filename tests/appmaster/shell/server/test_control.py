"""The control server over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from appmaster.shell.server.serving import OTHER, PAIR, Answering, connected, own_admission, serving
from yarnhub.appmaster.core.limits import Limits
from yarnhub.appmaster.shell.server import control as module
from yarnhub.appmaster.shell.server import http, listener
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import ControlError, FailureCode
from yarnhub.control import json
from yarnhub.control.messages import (
    Entries,
    Entry,
    Failure,
    GetKey,
    PutKey,
    Request,
    SetProgress,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DONE = b'{"key":"k","value":"dg==","owner":null}'


@pytest.fixture(autouse=True)
def no_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == [], "the key does not stay on the disk"


# --- requests and answers


async def test_requests_are_answered_one_after_the_other_on_one_connection() -> None:
    answering = Answering()
    async with serving(answering) as port, connected(port) as client:
        client.post("GetKey", b'{"key":"k"}')
        assert await client.answer() == (200, b'{"entries":[' + DONE + b"]}")
        client.post("SetProgress", b'{"progress":0.5}')
        client.post("PutKey", b'{"key":"a","value":""}')
        assert await client.answer() == (200, b"{}")
        assert await client.answer() == (200, b"{}")
    assert answering.requests == [
        GetKey(key="k"),
        SetProgress(progress=0.5),
        PutKey(key="a", value=b""),
    ]


async def test_a_request_may_come_in_pieces() -> None:
    answering = Answering()
    async with serving(answering) as port, connected(port) as client:
        body = b'{"key":"k"}'
        whole = b"POST /control/GetKey HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + body
        for at in range(len(whole)):
            client.send(whole[at : at + 1])
            await client.writer.drain()
        assert (await client.answer())[0] == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (FailureCode.INVALID, 400),
        (FailureCode.UNKNOWN_REQUEST, 404),
        (FailureCode.ENDED, 410),
        (FailureCode.OTHER, 400),
    ],
)
async def test_a_refusal_is_told(code: FailureCode, status: int) -> None:
    answering = Answering()
    answering.failure = ControlError(code, "no")
    async with serving(answering) as port, connected(port) as client:
        client.post("GetKey", b'{"key":"k"}')
        assert await client.answer() == (status, json.dump(Failure(code, "no")))
        client.post("GetSpecification")
        assert (await client.answer())[0] == status


@pytest.mark.parametrize(
    ("name", "method"),
    [("Nonsense", "POST"), ("", "POST"), ("GetKey", "GET"), ("GetKey", "PUT"), ("getkey", "POST")],
)
async def test_unknown_requests_are_refused_and_the_connection_goes_on(
    name: str, method: str
) -> None:
    answering = Answering()
    async with serving(answering) as port, connected(port) as client:
        client.post(name, method=method)
        status, body = await client.answer()
        assert (status, json.load(Failure, body).code) == (404, "unknown-request")
        client.post("GetSpecification")
        assert (await client.answer())[0] == 200
    assert len(answering.requests) == 1


@pytest.mark.parametrize("target", ["/", "/control", "/control/../GetKey", "//control/GetKey", "*"])
async def test_other_paths_are_refused(target: str) -> None:
    answering = Answering()
    async with serving(answering) as port, connected(port) as client:
        client.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert (await client.answer())[0] == 404
    assert answering.requests == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"key":1}', b"\xff", b'{"key":"k","x":1}'])
async def test_bodies_that_are_no_such_request_are_refused(body: bytes) -> None:
    answering = Answering()
    async with serving(answering) as port, connected(port) as client:
        client.post("GetKey", body)
        status, answer = await client.answer()
        assert (status, json.load(Failure, answer).code) == (400, "invalid")
    assert answering.requests == []


async def test_a_body_that_is_too_large_is_refused() -> None:
    answering = Answering()
    async with serving(answering, Limits(body=100_000)) as port, connected(port) as client:
        client.post("PutKey", b" " * 100_001)
        status, body = await client.answer()
        assert (status, json.load(Failure, body)) == (
            413,
            Failure(FailureCode.INVALID, "a request may have 100000 bytes at most"),
        )
        client.post("GetKey", b'{"key":"k"' + b" " * (100_000 - 11) + b"}")
        assert (await client.answer())[0] == 200
    assert len(answering.requests) == 1


async def test_an_expected_go_ahead_is_given() -> None:
    async with serving(Answering()) as port, connected(port) as client:
        head = "POST /control/GetKey HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        client.send(f"{head}Content-Length: 11\r\n\r\n".encode())
        assert await client.answer() == (100, b"")
        client.send(b'{"key":"k"}')
        assert (await client.answer())[0] == 200


async def test_a_head_request_gets_no_body() -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.post("GetKey", b"", method="HEAD")
        assert (await client.answer(body=False))[0] == 404
        client.post("GetSpecification")
        assert await client.answer() == (200, b"{}")


async def test_a_client_that_wants_to_close_is_closed() -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.post("GetSpecification", extra="Connection: close\r\n")
        assert (await client.answer())[0] == 200
        assert await client.closed() == b""


async def test_http_1_0_is_answered_and_closed() -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.send(b"POST /control/GetSpecification HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        assert (await client.answer())[0] == 200
        assert await client.closed() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /control/GetKey HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /control/GetKey HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n",
        b"A" * 200_000,
    ],
    ids=["bytes", "words", "no host", "length", "endless"],
)
async def test_garbage_closes_the_connection_and_fills_no_log(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answering = Answering()
    async with serving(answering) as port:
        async with connected(port) as client:
            client.send(data)
            with contextlib.suppress(ConnectionError):
                assert b"200" not in await client.closed()
        async with connected(port) as client:
            client.post("GetSpecification")
            assert (await client.answer())[0] == 200
    assert len(answering.requests) == 1
    assert caplog.records == []


# --- waits


async def test_a_wait_ends_by_the_requests_own_time() -> None:
    answering = Answering()
    answering.go_on.clear()
    async with serving(answering) as port, connected(port) as client:
        client.post("WaitKey", b'{"key":"k","timeout":0.05}')
        assert await client.answer() == (200, b'{"entries":[]}')
        client.post("WaitKey", b'{"key":"k","timeout":-5}')
        assert await client.answer() == (200, b'{"entries":[]}')
        answering.go_on.set()
        client.post("WaitKey", b'{"key":"k","timeout":0}')
        assert (await client.answer())[1] == b'{"entries":[' + DONE + b"]}"
    assert answering.cancelled == 2


async def test_who_waits_for_tokens_in_vain_is_told_that_there_are_none() -> None:
    answering = Answering()
    answering.go_on.clear()
    async with serving(answering) as port, connected(port) as client:
        client.post("WatchTokens", b'{"after":7,"timeout":0.05}')
        assert await client.answer() == (200, b'{"number":7,"tokens":""}')


async def test_no_wait_is_longer_than_the_servers_own_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MAX_WAIT", 0.05)
    answering = Answering()
    answering.go_on.clear()
    async with serving(answering) as port, connected(port) as client:
        client.post("WaitKey", b'{"key":"k","timeout":1e300}')
        assert await client.answer() == (200, b'{"entries":[]}')


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "1e999"])
async def test_a_wait_of_no_number_is_refused(seconds: str) -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.post("WaitKey", f'{{"key":"k","timeout":{seconds}}}'.encode())
        assert (await client.answer())[0] == 400


# --- half-open connections


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
    monkeypatch.setattr(http, "IDLE_TIMEOUT", 0.1)
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
        done, _ = await asyncio.wait(before, timeout=5)
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


# --- who may call


async def refused(port: int, context: ssl.SSLContext) -> None:
    """The server closes, and nothing is answered.

    asyncio loses the alert that says why (`SSLProtocol._do_handshake`). Our own client is told
    all the same: a server of another pair has another certificate, which the client refuses.
    """
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        async with connected(port, context) as client:
            # With TLS 1.3 the client's handshake is done before the server has looked at it.
            client.post("GetSpecification")
            await client.answer()


async def test_another_certificate_is_refused() -> None:
    answering = Answering()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=PAIR.certificate.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(OTHER.certificate + OTHER.key)
        file.flush()
        context.load_cert_chain(file.name)
    async with serving(answering) as port:
        await refused(port, context)
    assert answering.requests == []


async def test_no_certificate_is_refused() -> None:
    answering = Answering()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=PAIR.certificate.decode())
    async with serving(answering) as port:
        await refused(port, context)
    assert answering.requests == []


async def test_a_client_refuses_a_server_of_another_certificate() -> None:
    async with serving(Answering()) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            async with connected(port, OTHER.client_context()):
                pass


async def test_a_connection_without_tls_is_closed() -> None:
    answering = Answering()
    async with serving(answering) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /control/GetSpecification HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
        writer.close()
    assert answering.requests == []


# --- the end


async def test_an_answer_under_way_is_given_before_the_end() -> None:
    answering = Answering()
    answering.go_on.clear()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20), contextlib.AsyncExitStack() as stack:
        async with serve(own_admission(answering), "127.0.0.1") as port:
            client = await stack.enter_async_context(connected(port))
            client.post("GetKey", b'{"key":"k"}')
            await answering.came.wait()
            loop.call_later(0.05, answering.go_on.set)
            began = loop.time()
        assert loop.time() - began < 0.9, "what is answered is not waited for any longer"
        assert await client.answer() == (200, b'{"entries":[' + DONE + b"]}")
        assert await client.closed() == b""


async def test_the_end_does_not_wait_for_idle_or_stubborn_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_DRAIN_TIMEOUT", 0.05)
    answering = Answering()
    answering.go_on.clear()
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        async with serve(own_admission(answering), "127.0.0.1") as port:
            idle = await stack.enter_async_context(connected(port))
            stubborn = await stack.enter_async_context(connected(port))
            stubborn.post("WaitKey", b'{"key":"k","timeout":50}')
            await answering.came.wait()
            began = loop.time()
        assert loop.time() - began < 4
        assert answering.cancelled == 1
        with contextlib.suppress(ConnectionError):
            assert await idle.closed() == b""


# --- what a client may cost

IN_PIECES = b"POST /control/GetKey HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"1\r\nx\r\n"


async def test_a_body_in_thousands_of_pieces_holds_nobody_up() -> None:
    async with serving(Answering()) as port, connected(port) as client:
        client.send(IN_PIECES + PIECE * 30_000 + b"0\r\n\r\n")
        late: list[float] = []
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(client.answer())
            while not answer.done():
                began = time.thread_time()
                await asyncio.sleep(0.001)
                late.append(time.thread_time() - began)
        assert answer.result()[0] == 400
        assert max(late) < 0.1


async def test_pieces_are_paid_for_and_not_only_their_bytes() -> None:
    admission = own_admission(Answering(), Limits(rate=1 << 20))
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

"""The control server over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from appmaster.shell.server.serving import Answering, connected, own_admission, serving
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server import control as module
from yarnhub.appmaster.shell.server import listener
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import ControlError, FailureCode
from yarnhub.control import json
from yarnhub.control.messages import (
    Failure,
    GetKey,
    PutKey,
    SetProgress,
)

DONE = b'{"key":"k","value":"dg==","owner":null}'


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
    async with serving(answering, Budgets(body=100_000)) as port, connected(port) as client:
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


# --- the end


async def test_an_answer_under_way_is_given_before_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_DRAIN_TIMEOUT", 60)
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
        assert loop.time() - began < 15, "what is answered is not waited for any longer"
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
        assert loop.time() - began < 20
        assert answering.cancelled == 1
        with contextlib.suppress(ConnectionError):
            assert await idle.closed() == b""

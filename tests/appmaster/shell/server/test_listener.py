"""Clients of a control port that have proven nothing: they cost little, and keep nobody out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from appmaster.shell.server.serving import Answering, connected, own_admission
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server import listener
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import FailureCode
from yarnhub.control import json
from yarnhub.control.messages import Failure

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    import pytest

HELLO = b"\x16"
"""The first byte of a handshake."""


@contextlib.asynccontextmanager
async def strangers(port: int, count: int, says: bytes = b"") -> AsyncIterator[None]:
    """So many who connect, say that much, and stay."""
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in streams:
        writer.write(says)
    try:
        yield
    finally:
        for _, writer in streams:
            writer.transport.abort()


async def answered(port: int) -> bool:
    async with connected(port) as client:
        client.post("GetKey", b'{"key":"k"}')
        return (await client.answer())[0] == 200


async def test_who_says_nothing_keeps_nobody_out_and_costs_next_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_FIRST_BYTE_TIMEOUT", 60)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60), serve(own_admission(Answering()), "127.0.0.1") as port:
        before = resident()
        async with strangers(port, 1200):
            began = loop.time()
            assert await answered(port)
            assert loop.time() - began < 20
            # In TLS they would have taken 300 MiB.
            assert resident() - before < 60 << 20


async def test_who_begins_a_handshake_and_stops_keeps_nobody_out() -> None:
    async with asyncio.timeout(60), serve(own_admission(Answering()), "127.0.0.1") as port:
        before = resident()
        async with strangers(port, 300, HELLO):
            assert await answered(port)
            assert resident() - before < 60 << 20


async def test_who_says_nothing_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_FIRST_BYTE_TIMEOUT", 0.05)
    monkeypatch.setattr(listener, "_HANDSHAKE_TIMEOUT", 0.05)
    async with asyncio.timeout(20), serve(own_admission(Answering()), "127.0.0.1") as port:
        for says in (b"", HELLO):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(says)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()


async def test_no_more_files_are_a_moments_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept, left = listener._accepted, 20

    async def exhausted(sock: socket.socket) -> tuple[socket.socket, object]:
        nonlocal left
        if left:
            left -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return await accept(sock)

    monkeypatch.setattr(listener, "_accepted", exhausted)
    monkeypatch.setattr(listener, "_ACCEPT_PAUSE", 0.001)
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(20), serve(own_admission(Answering()), "127.0.0.1") as port:
            assert await answered(port)
    (said,) = caplog.records
    assert "Too many open files: the limit is LimitNOFILE" in said.getMessage()
    assert said.exc_info is None


async def test_a_fault_with_one_client_is_not_the_end_of_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admission = own_admission(Answering())
    faults = [RuntimeError("ours")]
    clients = admission.clients
    monkeypatch.setattr(
        admission, "clients", lambda _: raise_(faults.pop()) if faults else clients(_)
    )
    async with asyncio.timeout(20), serve(admission, "127.0.0.1") as port:
        async with connected(port) as client:
            assert await client.closed() == b""
        assert await answered(port)
    assert "has failed" in caplog.text


def raise_(error: Exception) -> None:
    raise error


async def test_an_application_has_so_many_connections() -> None:
    admission = own_admission(Answering(), Budgets(connections=2))
    async with asyncio.timeout(20), serve(admission, "127.0.0.1") as port:
        async with connected(port), connected(port):
            assert await answered_or_turned_away(port) is False
        while not await answered_or_turned_away(port):
            await asyncio.sleep(0.01)  # until their end has been seen


async def answered_or_turned_away(port: int) -> bool:
    try:
        return await answered(port)
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def test_only_what_is_allowed_is_answered_and_nothing_else_is_read() -> None:
    answering = Answering()
    budgets = Budgets(requests=frozenset({"GetKey"}), body=1000)
    async with (
        asyncio.timeout(20),
        serve(own_admission(answering, budgets), "127.0.0.1") as port,
        connected(port) as client,
    ):
        client.post("PutKey", b"[" * 900)
        status, body = await client.answer()
        assert status == 403
        assert json.load(Failure, body) == Failure(
            FailureCode.NOT_ALLOWED,
            "PutKey is not answered here: the process that runs this application's "
            "ApplicationMaster runs those of others, too, and answers GetKey only",
        )
        client.post("GetKey", b'{"key":"k"}')
        assert (await client.answer())[0] == 200
        client.post("GetKey", b" " * 1001)
        assert (await client.answer())[0] == 413
    assert len(answering.requests) == 1


async def test_keys_are_not_written_to_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    context = own_admission(Answering()).context
    assert context.cert_store_stats()["x509"] == 1
    # Garbage of other tests may be closed meanwhile.
    assert len(list(descriptors.iterdir())) <= before


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

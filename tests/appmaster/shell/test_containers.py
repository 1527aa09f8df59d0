from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from yarnhub.appmaster.shell.containers import CONNECT_TIMEOUT, answers


async def test_a_port_answers_while_somebody_listens() -> None:
    connected = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"", "nothing is said, and it ends at once"
        connected.set()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await answers("127.0.0.1", port)
    await connected.wait()
    server.close()
    await server.wait_closed()
    assert not await answers("127.0.0.1", port)


async def test_an_unknown_host_does_not_answer() -> None:
    assert not await answers("nosuch.invalid", 1)


@instant
async def test_a_host_that_is_silent_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> None:
        await asyncio.sleep(1e9)

    monkeypatch.setattr(asyncio, "open_connection", silent)
    began = asyncio.get_running_loop().time()
    assert not await answers("host", 1)
    assert asyncio.get_running_loop().time() - began == pytest.approx(CONNECT_TIMEOUT)

"""Neither clients nor kernels fill the memory of the service."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from tornado.websocket import WebSocketClosedError

from integrations.kernels.fake_holder import WaitingHolder
from server.gateway.running import ready, running
from yarnhub.integrations.kernels import websocket

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter

MIB = 1024 * 1024
DISPLAYS = """
from IPython.display import display
for _ in range(60):
    display({"text/plain": "x" * 2**20}, raw=True)
"""
STUCK = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"


@pytest.fixture(autouse=True)
def _limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_MAX_KEPT", 4 * MIB)


async def _gone(service: Any) -> None:
    async with asyncio.timeout(60):
        while len(service.service.websockets) or service.service.manager.kept:
            await asyncio.sleep(0.01)


async def test_a_client_that_does_not_read_is_disconnected(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        async with service.connected("a", kernel) as client:
            await client.run(DISPLAYS)
            most = 0
            async with asyncio.timeout(60):
                while len(service.service.websockets):
                    most = max(most, service.service.manager.kept["alice"])
                    await asyncio.sleep(0)  # what is kept rises and falls within milliseconds
            assert MIB < most < 6 * MIB
        await _gone(service)


async def test_a_client_that_reads_is_not(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        async with service.connected("a", kernel) as client:
            for _ in range(20):
                assert await client.result(f"len('{'x' * (MIB // 4)}')") == str(MIB // 4)
        await _gone(service)


async def test_messages_for_kernels_that_wait_are_bounded_for_each_user(tmp_path: Path) -> None:
    async with running(tmp_path, make=WaitingHolder) as service:
        kernel = await service.start("a")
        async with (
            service.connected("a", kernel, "s1") as one,
            service.connected("a", kernel, "s2") as other,
        ):
            await one.run("x" * (3 * MIB))
            async with asyncio.timeout(30):
                while service.service.manager.kept["alice"] < 3 * MIB:
                    await asyncio.sleep(0.01)
            await other.run("x" * (2 * MIB))
            code, reason = await other.closed()
            assert code == websocket.CLOSED
            assert "too many messages" in (reason or "")
        await _gone(service)


async def test_messages_for_a_kernel_that_does_not_read_are_bounded(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        async with service.connected("a", kernel) as client:
            await client.run(STUCK)
            with contextlib.suppress(WebSocketClosedError):
                for _ in range(60):
                    await client.send("comm_msg", {"data": "x" * MIB}, "stdin")
            _, reason = await client.closed()
            assert "too many messages" in (reason or "")
        await _gone(service)


@pytest.mark.parametrize("kept", [0, MIB])
async def test_sockets_with_much_that_is_unread_are_closed_with_their_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(websocket, "_MAX_LEFT", kept)
    async with running(tmp_path) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        await _gone(service)

        assert list(service.service.manager._kernel_buffers) == ([kernel] if kept else [])

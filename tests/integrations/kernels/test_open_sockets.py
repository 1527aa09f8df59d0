"""A server closes what it opened; the loop of a service that runs for months keeps the rest."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

import pytest
from tornado.ioloop import IOLoop

from integrations.kernels.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


def watched() -> set[int]:
    """The file descriptors that tornado's event loop watches."""
    loop: Any = IOLoop.current()
    return set(loop.handlers)


async def until_watched(number: int) -> None:
    async with asyncio.timeout(30):
        while len(watched()) > number:
            await asyncio.sleep(0.02)


async def test_a_server_that_stops_closes_its_sockets(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serving(tmp_path, stop=False) as server:
            kernel_id = (await server.start())["id"]
            async with server.client(kernel_id) as leaves:
                assert await leaves.result("1") == "1"
            stays = await stack.enter_async_context(server.client(kernel_id))
            assert await stays.result("2") == "2"
            asks = await stack.enter_async_context(server.client((await server.start())["id"]))
            await asks.run("3")
        assert server.manager.context.closed
    await until_watched(0)
    async with serving(tmp_path):
        """Ends the kernels, which were kept."""


async def test_a_client_that_leaves_a_kernel_as_it_is_deleted_leaves_no_socket(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            deleted = await server.http.delete(f"/api/kernels/{kernel_id}")
            assert deleted.status_code == 204
        await server.until_gone(kernel_id)
        assert not server.manager._kernel_buffers


async def test_a_client_that_leaves_a_kernel_that_hangs_leaves_no_socket(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        before = len(watched())
        held = server.holder.held[kernel_id]
        await held.signal(signal.SIGSTOP)
        async with server.client(kernel_id) as client:
            await client.send("kernel_info_request", {})
        await until_watched(before)
        await held.signal(signal.SIGCONT)
        async with server.client(kernel_id) as client:
            assert await client.result("6 * 7") == "42"

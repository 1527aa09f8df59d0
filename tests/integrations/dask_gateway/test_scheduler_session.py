"""Schedulers that do not respond."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

from yarnhub.base.tasks import task_group
from yarnhub.integrations.dask_gateway.scheduler_session import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import ClientSession

MANY = 200


@contextlib.asynccontextmanager
async def scheduler(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """The URL of a scheduler."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_scheduler_that_does_not_respond_keeps_nobody_else_waiting() -> None:
    asked, over = asyncio.Semaphore(0), asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        asked.release()
        await over.wait()
        return web.Response()

    async def respond(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok")

    async with (
        scheduler(hang) as hostile,
        scheduler(respond) as other,
        open_session() as session,
        task_group() as group,
    ):
        waiting = [group.create_task(get(session, hostile)) for _ in range(MANY)]
        for _ in range(4):
            await asked.acquire()
        try:
            async with asyncio.timeout(30):
                assert await get(session, other) == "ok"
            assert asked.locked(), "it has no more connections than others"
        finally:
            over.set()
            for each in waiting:
                each.cancel()


async def get(session: ClientSession, url: str) -> str:
    """The text of a response."""
    async with session.get(url) as response:
        return await response.text()

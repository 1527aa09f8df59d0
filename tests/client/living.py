"""A whole application in this process, but for YARN, for clients that block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

from appmaster.core.scenario import application, service
from appmaster.shell.server.serving import ID, PAIR, own_admission
from appmaster.shell.world import World
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.client.application.client import ApplicationClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from yarnhub.control.messages import Request


@contextlib.asynccontextmanager
async def served(answer: Callable[[Request[Any]], Awaitable[object]]) -> AsyncIterator[int]:
    async with asyncio.timeout(100), serve(own_admission(answer), "127.0.0.1") as port:
        yield port


def client_of(port: int) -> ApplicationClient:
    return ApplicationClient(ID, f"127.0.0.1:{port}", PAIR)


class Living(threading.Thread):
    """An application on a loop of its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ready = threading.Event()
        self.port = 0

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.world = World(application("run", a=service(instances=2), worker=service()))
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        async with served(self.world.runner.ask) as self.port, asyncio.TaskGroup() as group:
            run = group.create_task(self.world.run())
            await self.world.until_running(3)
            self.ready.set()
            await self.over.wait()
            run.cancel()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set)
        self.join()


@contextlib.asynccontextmanager
async def living() -> AsyncIterator[tuple[World, ApplicationClient]]:
    """A whole application in this process, but for YARN."""
    world = World(application("run", a=service(instances=2), b=service(instances=0)))
    async with served(world.runner.ask) as port, asyncio.TaskGroup() as group:
        run = group.create_task(world.run())
        async with client_of(port) as client:
            await world.until_running(2)
            yield world, client
        run.cancel()

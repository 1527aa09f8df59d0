"""A whole application in this process, but for YARN, for clients that block."""

from __future__ import annotations

import asyncio
import threading

from appmaster.core.scenario import application, service
from appmaster.shell.world import World
from client.test_application import served


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

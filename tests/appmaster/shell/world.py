"""An ApplicationMaster in memory: its runner between a fake scheduler, fake nodes and clients."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from appmaster.bootstrap import APPLICATION, CREDENTIALS
from appmaster.fakes import FakeNodeManagers, FakeScheduler
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.containers import answers
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.appmaster.shell.tokens import OwnTokens
from yarnhub.control.messages import (
    GetContainers,
)
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.spec import ApplicationSpec


class World:
    """A runner between a fake scheduler, fake nodes and clients."""

    def __init__(
        self,
        spec: ApplicationSpec,
        token_file: Path | None = None,
        answers: Callable[[str, int], Awaitable[bool]] = answers,
    ) -> None:
        self.scheduler = FakeScheduler()
        self.nodes = FakeNodeManagers(self.scheduler)
        self.application = Application(spec, "{}", Topology(racks={}))
        self.runner = Runner(
            self.application,
            self.scheduler,
            self.nodes,
            ContextBuilder(APPLICATION, "am:1", CREDENTIALS),
            lambda: asyncio.get_running_loop().time(),
            own_tokens=OwnTokens(token_file) if token_file else None,
            answers=answers,
        )
        self.result: Finish | None = None

    async def run(self) -> Finish | None:
        self.result = await self.runner.run("am", 1, "http://am")
        if self.result is not None:
            await self.runner.unregister(self.result)
        return self.result

    async def states(self) -> list[str]:
        found = await self.runner.ask(GetContainers(states=None))
        return [each.state.value for each in found.containers]

    async def until_running(self, count: int) -> None:
        await self.scheduler.until(lambda: len(self.nodes.running) == count)


@contextlib.asynccontextmanager
async def running(world: World) -> AsyncIterator[asyncio.Task[Finish | None]]:
    """The world goes round within the block, and has ended by itself behind it."""
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        task = group.create_task(world.run())
        yield task


NEWER = Token(b"newer", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")

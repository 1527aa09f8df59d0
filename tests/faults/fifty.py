"""A process that holds fifty unmanaged applications."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from faults import holder
from faults.witness import SCRIPT
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    import random

    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport


class Holder:
    """The process, and what it is started with."""

    def __init__(self, cluster: HadoopCluster, folder: Path) -> None:
        self._env = {**cluster.env, "PYTHONPATH": str(Path(holder.__file__).parent.parent)}
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        script = SCRIPT.format(notes=self._folder / "notes")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "faults.holder",
            str(self._folder / "held"),
            script,
            str(self._folder / "skein"),
            env=self._env,
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def fill_disk(self, chance: random.Random, *, seconds: float) -> None:
        """Leave no room on its disk for a moment of so many seconds at most."""
        none = chance.randrange(4096), resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, none)
        await asyncio.sleep(chance.uniform(0.1, seconds))
        resource.prlimit(
            self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )

    async def fill_disk_or_die(self, chance: random.Random) -> None:
        """Leave no room on its disk for a moment, in which it may be killed."""
        await self.fill_disk(chance, seconds=2)
        if chance.random() < 0.5:
            await self.restart()

    async def until_full(self) -> None:
        """Wait until it holds all fifty."""
        async with asyncio.timeout(120):
            while not (self._folder / "full").exists():
                assert self._process is not None
                assert self._process.returncode is None, "it has ended by itself"
                await asyncio.sleep(0.1)


async def running(client: Client) -> list[ApplicationReport]:
    """All fifty, as soon as YARN says that they run, and that there are no others."""
    async with asyncio.timeout(120):
        while True:
            known = await client.applications()
            found = [each for each in known if not each.yarn_application_state.ended]
            states = [each.yarn_application_state for each in found]
            if states == [YarnApplicationState.RUNNING] * holder.COUNT:
                return found
            await asyncio.sleep(0.1)

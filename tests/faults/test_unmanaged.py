"""The process that holds fifty unmanaged applications is killed, or its disk is full."""

from __future__ import annotations

import asyncio
import functools
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults import holder
from faults.conftest import ROUNDS
from faults.witness import SCRIPT, Witness, all_containers, strike
from yarnhub.client.client import Client
from yarnhub.client.security import Credentials
from yarnhub.control.messages import ContainerState
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable

    from yarnhub.client.application import ApplicationClient
    from yarnhub.client.settings import Settings
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

    Reach = Callable[[ApplicationId], Awaitable[ApplicationClient]]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240 + 90 * ROUNDS)]


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


@pytest.fixture
async def held(fault_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Holder]:
    (tmp_path / "notes").touch()
    (tmp_path / "held").mkdir(mode=0o700)
    Credentials.read_or_create(tmp_path / "skein")
    process = Holder(fault_cluster, tmp_path)
    yield process
    await process.kill()


async def running(client: Client) -> list[ApplicationReport]:
    found = await client.applications()
    return [each for each in found if each.yarn_application_state is YarnApplicationState.RUNNING]


async def test_the_process_that_holds_fifty_is_killed(
    held: Holder, settings: Settings, tmp_path: Path, moments: random.Random
) -> None:
    await held.start()
    # The first times it is killed while it submits: none may be left that nobody holds.
    for _ in range(min(ROUNDS, 3)):
        await asyncio.sleep(moments.uniform(0.5, 2.5))
        await held.restart()
    await held.until_full()
    async with Client(settings) as client:

        async def reach(application: ApplicationId) -> ApplicationClient:
            return await client.connect(application, deadline=30)

        reports = await running(client)
        assert len(reports) == holder.COUNT
        witnesses = [
            Witness(
                str(each.application_id),
                tmp_path / "notes",
                functools.partial(reach, each.application_id),
            )
            for each in reports
            if each.name == "watched"
        ]
        quiet = [each.application_id for each in reports if each.name == "quiet"]
        for witness in witnesses:
            await witness.settle()
        before = await containers(quiet, reach)
        for number in range(ROUNDS):
            full_disk = functools.partial(held.fill_disk_or_die, moments)
            async with asyncio.TaskGroup() as group:
                for witness in witnesses[1:]:
                    group.create_task(strike(witness, moments, nothing))
                await strike(witnesses[0], moments, full_disk if number % 2 else held.restart)
            for witness in witnesses:
                await witness.settle()
            assert await containers(quiet, reach) == before
        for report in reports:
            await client.kill(report.application_id)


async def containers(quiet: list[ApplicationId], reach: Reach) -> dict[str, str]:
    """YARN's id of each application's one container, whose process must be there too."""
    found: dict[str, str] = {}
    processes = all_containers()

    async def look(application: ApplicationId) -> None:
        async with await reach(application) as client:
            (container,) = await client.get_containers()
            assert container.state is ContainerState.RUNNING
            assert container.yarn_container_id in processes
            found[str(application)] = container.yarn_container_id

    async with asyncio.TaskGroup() as group:
        for application in quiet:
            group.create_task(look(application))
    return found


async def nothing() -> None:
    """No fault: the application is used only."""

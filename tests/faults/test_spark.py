"""Kernels with Spark, and all that may be killed under them.

Nothing is left of what should be gone; where the kernel's process lives, its variables are what
they were, and the next use of Spark works.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults import spark_kernels as spark
from faults.conftest import ROUNDS
from integrations.spark.publishing import Publisher
from kernels.contract import dead, ended, kernel_request, running
from kernels.joined import joined
from yarnhub.client.client import Client
from yarnhub.kernels import local_holder
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import LocalKernelHolder
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable

    from kernels.launcher.client import Client as KernelClient
    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster
    from yarnhub.integrations.spark.published import PublishedSpark
    from yarnhub.kernels.kernel import Kernel
    from yarnhub.kernels.request import KernelRequest

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.spark,
    pytest.mark.jupyter,  # clients whose kernels are killed leave sockets
    pytest.mark.timeout(300 + 120 * ROUNDS),
]

HOLDING = Path(__file__).parent.parent / "kernels" / "holding.py"
STARTING, COMPUTING, IDLE = "starting", "computing", "idle"


@pytest.fixture(scope="session")
def fault_publisher(
    fault_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> Publisher:
    return Publisher(fault_cluster, tmp_path_factory.mktemp("publisher"))


@pytest.fixture(scope="session")
def published(fault_publisher: Publisher) -> PublishedSpark:
    return fault_publisher.publish()


@pytest.fixture
def asked(
    fault_publisher: Publisher, published: PublishedSpark, shared_python: Path
) -> Callable[..., KernelRequest]:
    """Requests for kernels with Spark, with properties of Spark."""
    few = {"spark.dynamicAllocation.maxExecutors": "2"}

    def new(**properties: str) -> KernelRequest:
        own = {f"spark.{name}": value for name, value in properties.items()}
        return fault_publisher.kernel_of_alice(published, shared_python, spark={**few, **own})

    return new


@pytest.fixture
def hold(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalKernelHolder:
    # What killed containers have left is looked for more often, so that a round is short.
    monkeypatch.setattr(local_holder, "_FIND", 1.0)
    return LocalKernelHolder(settings, folder=tmp_path / "kernels", host="localhost")


@pytest.fixture
async def holder(hold: LocalKernelHolder) -> AsyncIterator[LocalKernelHolder]:
    async with hold:
        yield hold
        for kernel in hold.kernels():
            await kernel.stop(now=True)


class Round:
    """One kernel with Spark, at a moment.

    Args:
        kernel: The kernel, which runs.
        client: Its client.
        publisher: Sees the applications.
        moments: The random moments.

    Attributes:
        phase: What Spark does.
        before: What the kernel is to know afterwards.
        cell: The cell that runs; empty for none.
    """

    def __init__(
        self, kernel: Kernel, client: KernelClient, publisher: Publisher, moments: random.Random
    ) -> None:
        self.kernel = kernel
        self.client = client
        self.phase = moments.choice((STARTING, COMPUTING, IDLE))
        self.before = ""
        self.cell = ""
        self._publisher = publisher
        self._moments = moments

    async def begin(self, *, executors: bool = False) -> list[int]:
        """Go to the moment; returns the JVMs of drivers, or of executors. There are some."""
        self.before = await spark.run(self.client, f"{spark.REMEMBER}; {spark.RECALL}")
        if self.phase == STARTING:
            await spark.run(self.client, spark.STOP)
            self.cell = self.client.client.execute(spark.SUM)
        else:
            assert spark.RESULT in await spark.run(self.client, spark.SUM)
        if self.phase == COMPUTING:
            self.cell = self.client.client.execute(spark.LONG)
        await self._some(executors=executors)
        if self.phase != IDLE:
            await asyncio.sleep(self._moments.uniform(0, 3))
        return await self._some(executors=executors)

    async def _some(self, *, executors: bool) -> list[int]:
        async with asyncio.timeout(spark.PATIENCE):
            while True:
                of = await self.applications() if executors else [self.kernel.application_id]
                find = spark.executors if executors else spark.drivers
                if found := [pid for each in of for pid in await asyncio.to_thread(find, each)]:
                    return sorted(found)
                await asyncio.sleep(0.1)

    async def said(self) -> str:
        """What the cell says that ran."""
        return await spark.output(self.client, self.cell) if self.cell else ""

    async def applications(self) -> list[str]:
        """Spark's, which run."""
        return [number for _, number in await self._publisher.running()]

    async def goes_on(self) -> str:
        """The variables are what they were, and Spark works; returns what the kernel says."""
        assert await spark.run(self.client, spark.RECALL) == self.before
        said = await spark.run(self.client, spark.SUM)
        assert spark.RESULT in said, said
        own = (await spark.run(self.client, spark.APPLICATION)).strip()
        async with asyncio.timeout(spark.PATIENCE):
            while await self.applications() != [own]:
                await asyncio.sleep(0.2)
            # A JVM that starts a program is there twice for a moment.
            while len(await asyncio.to_thread(spark.drivers, self.kernel.application_id)) != 1:
                await asyncio.sleep(0.2)
        return said

    async def nothing_is_left(self, *applications: str) -> None:
        """Neither processes nor applications of Spark."""
        await self._publisher.none_runs()
        for each in applications:
            await spark.gone(each)


async def start(holder: LocalKernelHolder, request: KernelRequest) -> Kernel:
    kernel = await holder.start(request)
    async with asyncio.timeout(spark.LOCALIZED):
        while kernel.status.state is not KernelState.RUNNING:
            await kernel.changed(kernel.status)
    return kernel


async def test_the_driver_is_killed(
    holder: LocalKernelHolder,
    asked: Callable[..., KernelRequest],
    fault_publisher: Publisher,
    moments: random.Random,
) -> None:
    kernel = await start(holder, asked())
    for _ in range(ROUNDS):
        async with joined(kernel) as client:
            now = Round(kernel, client, fault_publisher, moments)
            victims = await now.begin()
            before = await now.applications()
            spark.kill(*victims)
            said = await now.said() + await now.goes_on()
            assert "was ended by SIGKILL" in said, (now.phase, said)
            for each in before:
                await spark.gone(each)


async def test_an_executor_is_killed(
    holder: LocalKernelHolder,
    asked: Callable[..., KernelRequest],
    fault_publisher: Publisher,
    moments: random.Random,
) -> None:
    kernel = await start(holder, asked())
    for _ in range(ROUNDS):
        async with joined(kernel) as client:
            now = Round(kernel, client, fault_publisher, moments)
            victims = await now.begin(executors=True)
            spark.kill(moments.choice(victims))
            said = await now.said()
            assert now.phase == IDLE or spark.RESULT in said or "4\n" in said, (now.phase, said)
            await now.goes_on()


async def test_the_kernels_process_is_killed(
    holder: LocalKernelHolder,
    asked: Callable[..., KernelRequest],
    fault_publisher: Publisher,
    moments: random.Random,
) -> None:
    kernel = await start(holder, asked())
    for number in range(ROUNDS):
        async with joined(kernel) as client:
            now = Round(kernel, client, fault_publisher, moments)
            await now.begin()
            executing = await now.applications()
            spark.kill(int(now.before.split()[0]))
            await ended(kernel)
            await now.nothing_is_left(*executing)
            await spark.no_driver(kernel.application_id)
        await kernel.restart()
        await running(kernel, number + 2)
        async with joined(kernel) as client:
            assert "NameError" in await spark.run(client, "x")
            assert spark.RESULT in await spark.run(client, spark.SUM)


@pytest.mark.parametrize("fault", ["launcher", "container", "killed by YARN", "shut down"])
async def test_the_container_ends(
    holder: LocalKernelHolder,
    asked: Callable[..., KernelRequest],
    fault_publisher: Publisher,
    settings: Settings,
    moments: random.Random,
    fault: str,
) -> None:
    for _ in range(ROUNDS):
        kernel = await start(holder, asked())
        number = kernel.application_id
        async with joined(kernel) as client:
            now = Round(kernel, client, fault_publisher, moments)
            await now.begin()
            executing = await now.applications()
            match fault:
                case "launcher":
                    spark.kill(spark.parent(int(now.before.split()[0])))
                case "container":
                    spark.kill(*spark.of_application(number))
                case "killed by YARN":
                    async with Client(settings.acting_for("alice")) as yarn:
                        await yarn.kill(ApplicationId.parse(number))
                case _:
                    await kernel.stop()
            status = await dead(kernel)
            assert status.outcome is not None
            await now.nothing_is_left(number, *executing)


async def test_the_process_that_holds_it_is_killed(
    hold: LocalKernelHolder,
    asked: Callable[..., KernelRequest],
    settings: Settings,
    fault_cluster: HadoopCluster,
    fault_publisher: Publisher,
    tmp_path: Path,
    moments: random.Random,
) -> None:
    env = {**os.environ, **fault_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}  # noqa: TID251
    env["PYTHONPATH"] = str(HOLDING.parent.parent)
    async with hold:
        await start(hold, asked())
    before = ""
    for number in range(ROUNDS + 1):
        async with LocalKernelHolder(
            settings, folder=tmp_path / "kernels", host="localhost"
        ) as holder:
            (kernel,) = holder.kernels()
            await running(kernel)
            async with joined(kernel) as client:
                now = Round(kernel, client, fault_publisher, moments)
                if before:
                    now.before = before
                    await now.goes_on()
                await now.begin()
                before = now.before
            if number == ROUNDS:
                await kernel.stop(now=True)
                await now.nothing_is_left(kernel.application_id)
                return
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(HOLDING), str(tmp_path / "kernels"), "", env=env
        )
        await asyncio.sleep(moments.uniform(0, 4))
        process.kill()
        await process.wait()


async def test_a_queue_without_room_is_named_with_its_limit_and_its_users(
    holder: LocalKernelHolder,
    asked: Callable[..., KernelRequest],
    shared_python: Path,
) -> None:
    large = {"user": "bob", "owner": "bob", "queue": "oranges", "memory": 2592 * 2**20}
    bobs = await holder.start(kernel_request(shared_python, **large))
    kernel = await start(holder, asked(**{"yarn.queue": "oranges"}))
    await running(bobs)
    async with joined(kernel) as client:
        cell = client.client.execute(spark.SUM)
        shown = await spark.shown(client, cell, "is full")
        assert (
            "waiting for executors: A container of executors requests 896 MiB and 1 vcore, and "
            "queue root.fruit.oranges is full: it holds 2592 MiB and 1 vcore of 3276 MiB and 25 "
            f"vcores, most of it {bobs.application_id} of bob (2592 MiB)."
        ) in shown
        await bobs.stop(now=True)
        assert spark.RESULT in await spark.output(client, cell)

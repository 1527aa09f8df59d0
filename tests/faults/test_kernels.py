"""Kernels, and all that may be killed under them: no variable is lost, or the kernel is dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.conftest import ROUNDS
from kernels.contract import dead, kernel_request, running, until
from kernels.joined import joined
from yarnhub.client.client import Client
from yarnhub.control import json
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import LocalKernelHolder
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from kernels.launcher.client import Client as KernelClient
    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster
    from yarnhub.kernels.kernel import Kernel

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 60 * ROUNDS)]

PYTHON = Path(sys.executable)
HOLDING = Path(__file__).parent.parent / "kernels" / "holding.py"


@pytest.fixture
def hold(settings: Settings, tmp_path: Path) -> LocalKernelHolder:
    return LocalKernelHolder(settings, folder=tmp_path / "kernels", host="localhost")


@pytest.fixture
async def holder(hold: LocalKernelHolder) -> AsyncIterator[LocalKernelHolder]:
    async with hold:
        yield hold
        for kernel in hold.kernels():
            await kernel.stop(now=True)


async def remember(kernel: Kernel) -> str:
    """Give it a variable and a process; returns what `recall` says of both."""
    async with joined(kernel) as client:
        await client.run("import os, uuid; x = uuid.uuid4()")
        return await recalled(client)


async def recall(kernel: Kernel) -> str:
    async with joined(kernel) as client:
        return await recalled(client)


async def recalled(client: KernelClient) -> str:
    return await client.run("print(os.getpid(), x)")


async def test_the_active_resource_manager_is_killed_under_kernels(
    holder: LocalKernelHolder, fault_cluster: HadoopCluster, moments: random.Random
) -> None:
    runs = await holder.start(kernel_request(PYTHON))
    await running(runs)
    before = await remember(runs)
    await running(await holder.start(kernel_request(PYTHON, memory=8 * 2**30)))  # the other node
    for _ in range(ROUNDS):
        waits = await holder.start(kernel_request(PYTHON, memory=8 * 2**30))
        await until(waits, lambda status: status.waits_for is not None)
        killed = await fault_cluster.active_resource_manager()
        await fault_cluster.kill(killed)
        await asyncio.sleep(moments.uniform(0, 5))
        assert await recall(runs) == before
        await runs.signal(signal.SIGINT)
        await fault_cluster.restart(killed)
        async with asyncio.timeout(60):
            await waits.stop(now=True)
        new = await holder.start(kernel_request(PYTHON))
        await running(new)
        await new.stop(now=True)
        assert runs.status.state is KernelState.RUNNING
        assert await recall(runs) == before


async def test_the_process_that_holds_kernels_is_killed(
    hold: LocalKernelHolder,
    settings: Settings,
    fault_cluster: HadoopCluster,
    tmp_path: Path,
    moments: random.Random,
) -> None:
    request = kernel_request(PYTHON)
    env = {**os.environ, **fault_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}  # noqa: TID251
    env["PYTHONPATH"] = str(HOLDING.parent.parent)
    command = (sys.executable, str(HOLDING), str(tmp_path / "kernels"), "")

    async def held(*documents: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command, *documents, env=env, stdout=asyncio.subprocess.PIPE
        )

    process = await held(json.dump(request).decode())
    assert process.stdout is not None
    async with asyncio.timeout(120):
        assert await process.stdout.readline() == b"holding\n"
    process.kill()
    await process.wait()
    async with hold:
        (kernel,) = hold.kernels()
        await running(kernel)
        before = await remember(kernel)
    for _ in range(ROUNDS):
        process = await held()
        await asyncio.sleep(moments.uniform(0, 4))
        process.kill()
        await process.wait()
        async with LocalKernelHolder(
            settings, folder=tmp_path / "kernels", host="localhost"
        ) as holder:
            (kernel,) = holder.kernels()
            assert (await running(kernel)).generation == 1
            assert await recall(kernel) == before
    async with LocalKernelHolder(settings, folder=tmp_path / "kernels", host="localhost") as holder:
        (kernel,) = holder.kernels()
        await kernel.stop(now=True)
    async with Client(settings.acting_for("alice")) as client:
        await client.wait(ApplicationId.parse(kernel.application_id), deadline=60)


async def test_the_process_is_killed_while_it_starts_kernels(
    settings: Settings, fault_cluster: HadoopCluster, tmp_path: Path, moments: random.Random
) -> None:
    env = {**os.environ, **fault_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}  # noqa: TID251
    env["PYTHONPATH"] = str(HOLDING.parent.parent)
    command = (sys.executable, str(HOLDING), str(tmp_path / "kernels"), "")
    for _ in range(ROUNDS):
        document = json.dump(kernel_request(PYTHON)).decode()
        process = await asyncio.create_subprocess_exec(*command, document, env=env)
        await asyncio.sleep(moments.uniform(1, 6))
        process.kill()
        await process.wait()
    async with LocalKernelHolder(settings, folder=tmp_path / "kernels", host="localhost") as holder:
        for kernel in holder.kernels():
            status = await until(
                kernel,
                lambda status: status.state in {KernelState.RUNNING, KernelState.DEAD},
            )
            if status.state is KernelState.RUNNING:
                await remember(kernel)
                await kernel.stop(now=True)
        known = {kernel.application_id for kernel in holder.kernels()}
        states = [state for state in YarnApplicationState if not state.ended]
        request = GetApplicationsRequest(application_states=tuple(states))
        async with asyncio.timeout(60), Client(settings.acting_for("alice")) as client:
            # What was submitted and not accepted is taken back.
            while any(
                each.name == "kernel" and str(each.application_id) not in known
                for each in await client.applications(request)
            ):
                await asyncio.sleep(0.2)


async def test_a_node_that_is_lost_is_the_end_of_its_kernel(
    holder: LocalKernelHolder, fault_cluster: HadoopCluster
) -> None:
    kernel = await holder.start(kernel_request(PYTHON))
    await running(kernel)
    before = await remember(kernel)
    generations = {kernel.status.generation}
    pid = int(before.split()[0])
    node, container = _node_of(pid), os.getpgid(pid)
    await fault_cluster.kill(node)
    try:
        status = await dead(kernel)
        generations.add(status.generation)
        assert status.outcome is not None
        assert status.outcome.cause.blameless
        assert generations == {1}
        assert holder.kernels() == [kernel]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(container, signal.SIGKILL)  # it has survived its NodeManager
        await fault_cluster.restart(node)


def _node_of(pid: int) -> str:
    """The daemon that started a process."""
    environment = Path(f"/proc/{pid}/environ").read_text(errors="replace")
    (node,) = [name for name in ("nodemanager-1", "nodemanager-2") if f"/{name}/" in environment]
    return node

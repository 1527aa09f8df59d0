"""Kernels in processes of this machine: all that a holder does, but for YARN."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernels.contract import HolderContract, dead, kernel_request, running
from kernels.joined import joined
from kernels.processes import ProcessKernelHolder
from yarnhub.base.errors import YarnhubError
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import MAX_DEAD
from yarnhub.kernels.protocol import Channel
from yarnhub.kernels.records import KernelRecord, KernelRecords

if TYPE_CHECKING:
    from kernels.processes import Cluster
    from yarnhub.client.access.settings import Settings

PREEMPTED = Outcome(cause=Cause.PREEMPTED, exit_code=-102)
OUT_OF_MEMORY = Outcome(cause=Cause.MEMORY, exit_code=-104)


@pytest.fixture
def python() -> Path:
    return Path(sys.executable)


class TestProcessHolder(HolderContract):
    """See `HolderContract`."""


async def test_a_kernel_is_found_again_and_one_that_ended_meanwhile_is_dead(
    cluster: Cluster, settings: Settings, tmp_path: Path, python: Path
) -> None:
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        lives, dies = [await holder.start(kernel_request(python)) for _ in range(2)]
        await running(lives)
        await running(dies)
        async with joined(lives) as client:
            await client.run("x = 1")
    await cluster.containers[dies.application_id].end(OUT_OF_MEMORY)
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        found, ended = holder.kernels()
        assert (found.request, found.key) == (lives.request, lives.key)
        assert ended.status.outcome == OUT_OF_MEMORY
        await running(found)
        async with joined(found) as client:
            assert await client.run("print(x)") == "1\n"
        await cluster.containers[found.application_id].end(OUT_OF_MEMORY)
        assert (await dead(found)).outcome == OUT_OF_MEMORY


async def test_a_container_that_yarn_took_back_is_the_end_of_its_kernel(
    cluster: Cluster, holder: ProcessKernelHolder, python: Path
) -> None:
    kernel = await holder.start(kernel_request(python))
    cluster.containers[kernel.application_id].loss = PREEMPTED
    # Its launcher, or the one in a container that YARN starts instead, connects: too late.
    seen = [kernel.status]
    while seen[-1].state is not KernelState.DEAD:
        seen.append(await kernel.changed(seen[-1]))
    assert seen[-1].outcome == PREEMPTED
    assert {each.state for each in seen} == {KernelState.WAITING, KernelState.DEAD}
    with pytest.raises(YarnhubError, match="dead"):
        await kernel.open(Channel.SHELL)


async def test_dead_kernels_are_kept_in_bounded_number_and_time(
    cluster: Cluster, settings: Settings, tmp_path: Path, python: Path
) -> None:
    now = 1_700_000_000.0
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels"):
        pass  # it has created its folder
    records = KernelRecords(tmp_path / "kernels" / "kernels")
    ids: dict[str, list[str]] = {"alice": [], "bob": []}
    for owner, days in [*(("alice", 0) for _ in range(MAX_DEAD + 5)), ("bob", 6), ("bob", 8)]:
        record = KernelRecord(
            request=kernel_request(python, owner=owner),
            key="00",
            created=1.0,
            application="application_1700000000000_0001",
            outcome=OUT_OF_MEMORY,
            ended=now - days * 86400 + len(ids[owner]),
        )
        records.keep(record)
        ids[owner].append(record.request.id)
    holder = ProcessKernelHolder(cluster, settings, tmp_path / "kernels")
    holder._clock = lambda: now
    async with holder:
        await asyncio.sleep(0)  # its task begins
        found = {kernel.id for kernel in holder.kernels()}
    assert found == {*ids["alice"][-MAX_DEAD:], ids["bob"][0]}
    assert {record.request.id for record in records.read()} == found

"""Kernels in processes of this machine: all that a holder does, but for YARN."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernels.companions_in_memory import Client, Yarn
from kernels.contract import PATIENCE, HolderContract, dead, ended, kernel_request, running
from kernels.joined import joined
from kernels.launcher.container import silent_kernel
from kernels.processes import ProcessKernelHolder
from yarnhub.base.errors import YarnhubError
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels import companions, local_holder
from yarnhub.kernels.companions import Companions
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import MAX_DEAD
from yarnhub.kernels.protocol import Channel, Room
from yarnhub.kernels.records import KernelRecord, KernelRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from kernels.processes import Cluster
    from yarnhub.client.access.settings import Settings
    from yarnhub.kernels.kernel import Kernel

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
        found, gone = holder.kernels()
        assert (found.request, found.key) == (lives.request, lives.key)
        assert gone.status.outcome == OUT_OF_MEMORY
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


ASKS = """
import time
os.chdir("/")
while True:
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(os.environ["YARNHUB_REQUESTS"])
            asking.sendall(b'{"ask": "tokens"}\\n')
            answer = asking.makefile("rb").readline()
        except OSError:
            time.sleep(0.05)
            continue
    with open(os.environ["YARNHUB_CONTAINER"] + "/answers", "ab") as file:
        file.write(answer)
"""


async def test_limits_are_not_known_until_what_sessions_use_is(
    cluster: Cluster, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yarn = Yarn()
    monkeypatch.setattr(companions, "Client", lambda asking: Client(yarn, asking))
    monkeypatch.setattr(local_holder, "_FIND", 0.05)
    left = Room(memory=2**30)

    async def room(_: Kernel) -> Room:
        return left

    async def answered(kernel: Kernel, text: bytes) -> None:
        answers = cluster.containers[kernel.application_id].folder / "answers"
        async with asyncio.timeout(PATIENCE):
            while not answers.exists() or text not in answers.read_bytes():
                await asyncio.sleep(0.02)
        answers.unlink()

    def new_holder() -> ProcessKernelHolder:
        holder = ProcessKernelHolder(cluster, settings, tmp_path / "kernels")
        holder.room = room
        return holder

    async with new_holder() as holder:  # the first kernel ever need not wait
        yarn.error = YarnhubError("it sleeps")
        request = kernel_request(Path(sys.executable), program="spark")
        started = await holder.start(replace(request, argv=silent_kernel(ASKS)))
        await answered(started, b'"memory":1073741824')
    async with new_holder() as holder:
        (kernel,) = holder.kernels()
        await answered(kernel, b"not known yet. Try again in a few seconds.")
        left = Room()  # no limits
        await answered(kernel, b'"step":1073741824')
        left = Room(memory=2**30)
        await answered(kernel, b"not known yet")
        yarn.error = None
        await answered(kernel, b'"memory":1073741824')


async def test_what_a_process_that_ended_has_left_is_ended_while_its_container_lives(
    cluster: Cluster,
    settings: Settings,
    tmp_path: Path,
    python: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spared: asyncio.Queue[set[str]] = asyncio.Queue()

    class Sweeps(Companions):
        async def sweep(
            self, users: Callable[[], Mapping[str, str]], _: Collection[str] = ()
        ) -> bool:
            spared.put_nowait(set(users()))
            return False

    async def swept(*kernels: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while await spared.get() != set(kernels):
                pass

    monkeypatch.setattr(local_holder, "Companions", Sweeps)
    monkeypatch.setattr(local_holder, "_FIND", 0.05)
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        kernel = await holder.start(kernel_request(python, program="spark"))
        await running(kernel)
        await swept(kernel.id)
        async with joined(kernel) as client:
            client.client.execute("import os; os._exit(7)")
            await ended(kernel)
        await swept()
        restarted = await kernel.restart()
        await swept(kernel.id)
        await running(kernel, restarted)
        await kernel.stop(now=True)
        await swept()


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

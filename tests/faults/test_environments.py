"""Builds of environments on the cluster, and all that may be killed under them, or be full.

The build ends in one of its states, with words. Nothing runs that should not, an environment is
published completely or not at all, and the next build of the same environment succeeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments.cluster_build.builds import SECONDS, Builder
from environments.conftest import cache
from environments.wheels import wheel
from faults.conftest import ROUNDS
from faults.spark_kernels import kill, of_application
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.environments.cluster_build.report import BuildState
from yarnhub.environments.errors import EnvironmentNotFoundError
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.store import EnvironmentStore

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster
    from yarnhub.environments.cluster_build.report import BuildProgress

__all__ = ["cache"]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(SECONDS * (ROUNDS + 2))]

_PROGRAM = "yarnhub.environments.cluster_build.container"
_DAY = 24 * 3600.0
_LATE = 8.0
"""Seconds in which most builds of one small wheel have ended."""


@pytest.fixture
def alice(fault_cluster: HadoopCluster, tmp_path: Path, cache: Path) -> Iterator[Builder]:
    wheels = Path(tempfile.mkdtemp(prefix="yarnhub-test-", dir="/tmp"))
    wheels.chmod(0o755)
    try:
        yield Builder(fault_cluster, tmp_path, wheels, cache)
    finally:
        shutil.rmtree(wheels)


def creation(alice: Builder, *words: str) -> list[str]:
    """The words that build another version of the environment, with a key of its own."""
    version = f"1.{secrets.randbelow(10**9)}"
    wheel(alice.wheels, "table", version)
    specification = alice.specification("table", pip=[f"table=={version}"])
    return alice.creation(specification, alice.site(), *words)


def started(alice: Builder) -> str:
    """Submit a build; returns its application."""
    done = alice.run(creation(alice, "--detach"))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def followed(alice: Builder) -> BuildProgress:
    """The last state of the newest build."""
    async with asyncio.timeout(SECONDS), alice.sessions() as sessions:
        build = await sessions.find("table")
        assert build is not None
        *_, last = [each async for each in sessions.follow(build)]
        return last


async def processes(application: str, program: str) -> list[int]:
    """Those of an application that run a program, as soon as there are some."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = await asyncio.to_thread(of_application, application)
            if pids := [pid for pid, command in found.items() if program in command]:
                return pids
            await asyncio.sleep(0.1)


async def versions(alice: Builder) -> list[int]:
    try:
        return [each.number for each in (await alice.find("table")).versions]
    except EnvironmentNotFoundError:
        return []


async def check_end(alice: Builder, application: str, before: list[int]) -> BuildState:
    """It has ended with words, and published all or nothing; returns its state."""
    last = await followed(alice)
    assert last.state.ended
    assert last.reason
    async with asyncio.timeout(SECONDS):
        while await asyncio.to_thread(of_application, application):
            await asyncio.sleep(0.1)
    after = await versions(alice)
    assert len(after) == len(before) + (last.state is BuildState.READY)
    assert after[: len(before)] == before
    async with user_file_system(alice.settings) as file_system:
        store = EnvironmentStore(file_system, user="alice")
        assert (await store.survey()).damaged == ()
        await store.sweep(time.time() + 2 * _DAY)  # noqa: TID251  # as HDFS counts
    assert not [each for each in await alice.tree() if ".partial" in each]
    return last.state


async def check_next(alice: Builder) -> None:
    """The next build succeeds."""
    before = await versions(alice)
    application = await asyncio.to_thread(started, alice)
    assert await check_end(alice, application, before) is BuildState.READY


async def test_the_command_is_killed(alice: Builder, moments: random.Random) -> None:
    for _ in range(ROUNDS):
        command = creation(alice)
        before = await versions(alice)
        asking = await asyncio.create_subprocess_exec(
            *command, env=alice.env, stderr=asyncio.subprocess.PIPE
        )
        assert asking.stderr is not None
        line = b""
        while not line.startswith(b"application_"):
            line = await asking.stderr.readline()
            assert line
        await asyncio.sleep(moments.uniform(0, _LATE))
        with contextlib.suppress(ProcessLookupError):
            asking.kill()
        await asking.wait()
        application = line.decode().split()[0]
        assert await check_end(alice, application, before) is BuildState.READY


@pytest.mark.parametrize("victim", ["program", "container", "ApplicationMaster"])
async def test_a_process_of_the_build_is_killed(
    alice: Builder, moments: random.Random, victim: str
) -> None:
    for _ in range(ROUNDS):
        before = await versions(alice)
        application = await asyncio.to_thread(started, alice)
        pids = await processes(application, _PROGRAM)
        await asyncio.sleep(moments.uniform(0, _LATE))
        match victim:
            case "program":
                kill(*pids)
            case "container":
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(os.getpgid(pid), signal.SIGKILL)
            case _:
                found = await asyncio.to_thread(of_application, application)
                kill(*(pid for pid, command in found.items() if "container_tokens" in command))
        await check_end(alice, application, before)
    await check_next(alice)


async def test_hdfs_is_full(alice: Builder) -> None:
    def dfsadmin(*words: str) -> None:
        alice.as_administrator("hdfs", "dfsadmin", *words, ROOT)

    before = await versions(alice)
    await asyncio.to_thread(dfsadmin, "-setSpaceQuota", "1m")
    try:
        application = await asyncio.to_thread(started, alice)
        assert await check_end(alice, application, before) is BuildState.FAILED
        reason = (await followed(alice)).reason
        assert "Error in the step publish: " in reason
        assert "quota" in reason
    finally:
        await asyncio.to_thread(dfsadmin, "-clrSpaceQuota")
    await check_next(alice)

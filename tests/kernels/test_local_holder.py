"""Kernels held by this process, on real clusters; with Kerberos they run as the OS user alice."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import time
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernels.contract import (
    MEMORY,
    PATIENCE,
    HolderContract,
    dead,
    kernel_request,
    running,
    until,
)
from kernels.joined import joined
from unmanaged.held import alive
from yarnhub.base.errors import SpecError
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.control import json
from yarnhub.control.outcomes import Cause
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import LocalKernelHolder
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

HOLDING = Path(__file__).with_name("holding.py")


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"], ids=["simple", "kerberos"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    cluster: HadoopCluster = request.getfixturevalue(request.param)
    if cluster.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
    return cluster


def settings_of(cluster: HadoopCluster, folder: Path) -> Settings:
    """A service's, which acts for users."""
    keytab = cluster.options.kerberos and Keytab(str(cluster.keytab("jupyterhub")), "jupyterhub")
    env = {**cluster.env, "SKEIN_CONFIG": str(folder / "config")}
    return Settings.from_environment(env, keytab or None)


@pytest.fixture
def settings(cluster: HadoopCluster, tmp_path: Path) -> Settings:
    return settings_of(cluster, tmp_path)


@pytest.fixture
def python(shared_python: Path) -> Path:
    return shared_python


def hold(settings: Settings, tmp_path: Path) -> LocalKernelHolder:
    return LocalKernelHolder(settings, folder=tmp_path / "kernels", host="localhost")


@pytest.fixture
async def holder(settings: Settings, tmp_path: Path) -> AsyncIterator[LocalKernelHolder]:
    async with hold(settings, tmp_path) as holder:
        yield holder
        for kernel in holder.kernels():
            await kernel.stop(now=True)


class TestLocalHolder(HolderContract):
    """See `HolderContract`."""


async def test_a_kernel_runs_as_its_user(
    holder: LocalKernelHolder, cluster: HadoopCluster, python: Path
) -> None:
    kernel = await holder.start(kernel_request(python))
    await running(kernel)
    user = "alice" if cluster.options.kerberos else getpass.getuser()
    async with joined(kernel) as client:
        name = "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)"
        assert await client.run(name) == f"{user}\n"


# --- what is refused, and what kills


async def test_what_the_cluster_cannot_give_is_refused_in_words(
    holder: LocalKernelHolder, python: Path
) -> None:
    with pytest.raises(ApplicationFailedError, match="nosuch"):
        await holder.start(kernel_request(python, queue="nosuch"))
    with pytest.raises(SpecError, match="memory"):
        await holder.start(kernel_request(python, memory=2**50))
    assert holder.kernels() == []


async def test_a_start_that_is_cancelled_leaves_nothing_on_yarn(
    holder: LocalKernelHolder, settings: Settings, python: Path, tmp_path: Path
) -> None:
    others = await alive(settings, "alice")
    for seconds in (0.02, 0.1, 0.3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                kernel = await holder.start(kernel_request(python))
                await dead(kernel)
    known = {kernel.application_id for kernel in holder.kernels()}
    folder = tmp_path / "kernels" / "applications"
    async with asyncio.timeout(30):  # YARN shows what was killed a moment longer
        while (
            not await alive(settings, "alice") <= known | others
            or not {path.stem for path in folder.glob("*.tokens")} <= known
        ):
            await asyncio.sleep(0.1)


async def test_a_kernel_that_uses_too_much_memory_is_dead_with_that_reason(
    holder: LocalKernelHolder, python: Path
) -> None:
    kernel = await holder.start(kernel_request(python))
    await running(kernel)
    async with joined(kernel) as client:
        client.client.execute(f"x = bytearray({2 * MEMORY}); import time; time.sleep(100)")
        status = await dead(kernel)
    assert status.outcome is not None
    assert status.outcome.cause is Cause.MEMORY
    assert holder.kernels() == [kernel], "it stays, with its reason"


async def test_a_container_that_waits_says_why_and_can_be_stopped(
    holder: LocalKernelHolder, python: Path
) -> None:
    # All that the cluster has, twice.
    first = await holder.start(kernel_request(python, memory=7 * 2**30))
    await running(first)
    second = await holder.start(kernel_request(python, memory=7 * 2**30))
    status = await until(second, lambda status: status.waits_for is not None)
    assert (status.state, status.node) == (KernelState.WAITING, "")
    assert await second.restart() == 1
    await second.signal(2)
    async with asyncio.timeout(PATIENCE):
        await second.stop()
    assert second.status.state is KernelState.DEAD


async def test_a_killed_application_is_the_end(
    holder: LocalKernelHolder, settings: Settings, python: Path
) -> None:
    kernel = await holder.start(kernel_request(python))
    async with Client(settings.acting_for("alice")) as client:
        await client.kill(ApplicationId.parse(kernel.application_id))
    status = await dead(kernel)
    assert status.outcome is not None
    assert "killed by user" in status.outcome.raw


# --- found again


async def test_kernels_are_found_again_after_a_kill(
    cluster: HadoopCluster, settings: Settings, python: Path, tmp_path: Path
) -> None:
    lives, dies = (kernel_request(python, env={"N": str(number)}) for number in range(2))
    keytab = str(cluster.keytab("jupyterhub")) if cluster.options.kerberos else ""
    documents = [json.dump(each).decode() for each in (lives, dies)]
    env = {
        **os.environ,  # noqa: TID251  # a test's process
        **cluster.env,
        "SKEIN_CONFIG": str(tmp_path / "config"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HOLDING), str(tmp_path / "kernels"), keytab, *documents),
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            assert await process.stdout.readline() == b"holding\n"
    finally:
        process.kill()
        await process.wait()
    # One more of its kind, which is left without a kill: a cell runs while nobody holds it.
    async with hold(settings, tmp_path) as holder:
        first, second = holder.kernels()
        assert (first.request, second.request) == (lives, dies)
        before = await running(first)
        async with joined(first) as client:
            assert await client.run("import os; x = os.environ['N']; print(x)") == "0\n"
            await first.history()  # from here on, what is heard is not kept
            client.client.execute(
                "import time\nfor n in range(60):\n    print(n, flush=True); time.sleep(0.1)"
            )
            while (await client.client.get_iopub_msg(timeout=60))["content"].get("text") != "0\n":
                pass
            began = time.monotonic()
        left = time.monotonic() - began
    async with Client(settings.acting_for("alice")) as client:
        await client.kill(ApplicationId.parse(second.application_id))
    async with hold(settings, tmp_path) as holder:
        first, second = holder.kernels()
        status = await running(first)
        assert (status.generation, status.node) == (1, before.node)
        printed = ""
        async with asyncio.timeout(60):
            while "59\n" not in printed:
                parts = [part for message in await first.history() for part in message]
                documents = [part.decode() for part in parts if part.startswith(b"{")]
                texts = [loads(each).get("text", "") for each in documents]
                printed += "".join(text for text in texts if isinstance(text, str))
        numbers = [int(line) for line in printed.split()]
        assert numbers == list(range(numbers[0], 60)), "each once, in order"
        assert numbers[0] < 10 + left / 0.1, "what came while the client left was heard"
        async with joined(first) as client:
            assert await client.run("print(x)") == "0\n"
        assert (await dead(second)).outcome is not None
        with pytest.raises(SpecError, match=lives.id):
            await holder.start(lives)
        await first.stop(now=True)
    async with hold(settings, tmp_path) as holder:
        assert [each.status.state for each in holder.kernels()] == [KernelState.DEAD] * 2
        causes = [each.status.outcome and each.status.outcome.cause for each in holder.kernels()]
        assert None not in causes
        for kernel in holder.kernels():
            holder.forget(kernel.id)
    assert list((tmp_path / "kernels" / "kernels").iterdir()) == []

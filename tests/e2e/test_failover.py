"""One of two ResourceManagers is killed, again and again, under applications and submissions."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import User, eventually
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.errors import ClusterError
from yarnhub.yarn.records.applications import ApplicationSubmissionContext
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.cluster


@pytest.fixture
async def cluster() -> AsyncIterator[HadoopCluster]:
    """With Kerberos; the suite of faults has one without."""
    async with HadoopCluster(ha=True, nodes=2, kerberos=True) as cluster:
        yield cluster


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that containers of every OS user may write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


async def log_in(cluster: HadoopCluster, folder: Path) -> User:
    ticket = folder / "ticket"
    await cluster.kinit("alice", ticket)
    env = {"SKEIN_CONFIG": str(folder / ".skein"), "KRB5CCNAME": f"FILE:{ticket}"}
    return User(folder, {**cluster.env, **env})


def containers(user: User, application: str) -> dict[str, str]:
    table = user.skein("container", "ls", application).stdout.splitlines()[1:]
    return {row.split()[1]: row.split()[2] for row in table}


def status(user: User, application: str) -> list[str]:
    """Its state and final status."""
    return user.skein("application", "status", application).stdout.splitlines()[1].split()[2:4]


def specification(name: str, starts: Path) -> str:
    script = f"echo $SKEIN_CONTAINER_ID >> {starts}; exec sleep 300"
    resources = "resources: {memory: 64, vcores: 1}"
    return (
        f"name: {name}\n"
        "services:\n"
        f"  s:\n    {resources}\n    script: {script}\n"
        f"  t:\n    depends: [s]\n    {resources}\n    script: {script}\n"
    )


def started(starts: Path) -> list[str]:
    return sorted(starts.read_text().split()) if starts.exists() else []


async def test_nothing_is_lost_and_nothing_is_started_twice(
    cluster: HadoopCluster, tmp_path: Path, shared: Path
) -> None:
    user = await log_in(cluster, tmp_path)
    for name in ("first", "second"):
        (tmp_path / f"{name}.yaml").write_text(specification(name, shared / name))
    first = user.skein("application", "submit", "first.yaml").stdout.strip()
    user.skein("kv", "put", first, "--key", "k", "--value", "v")
    eventually(lambda: started(shared / "first") == ["s_0", "t_0"], "the first one runs")

    # While nobody is active: one is submitted, and another one asks for more.
    async with asyncio.TaskGroup() as group:
        failover = group.create_task(cluster.failover())
        submission = group.create_task(
            asyncio.to_thread(user.skein, "application", "submit", "second.yaml")
        )
        scale = ("container", "scale", first, "--service", "s", "--number", "2")
        group.create_task(asyncio.to_thread(user.skein, *scale))
    second = submission.result().stdout.strip()
    eventually(lambda: started(shared / "first") == ["s_0", "s_1", "t_0"], "the first one grows")
    eventually(lambda: started(shared / "second") == ["s_0", "t_0"], "the second one runs")
    running = dict.fromkeys(("s_0", "s_1", "t_0"), "RUNNING")
    eventually(lambda: containers(user, first) == running, "its ApplicationMaster knows")
    assert user.skein("kv", "get", first, "--key", "k").stdout == "v\n"

    killed, active = failover.result(), await cluster.active_resource_manager()
    assert {killed, active} == {"resourcemanager-1", "resourcemanager-2"}
    with pytest.raises(ClusterError, match=f"no ResourceManager other than {active} is running"):
        await cluster.failover()
    await cluster.restart(killed)
    assert await cluster.active_resource_manager() == active

    # And back: one is killed, and the other one ends.
    async with asyncio.TaskGroup() as group:
        group.create_task(cluster.failover())
        group.create_task(asyncio.to_thread(user.skein, "application", "kill", second))
        group.create_task(asyncio.to_thread(user.skein, "application", "shutdown", first))
    eventually(lambda: status(user, first) == ["FINISHED", "SUCCEEDED"], "the first one has ended")
    assert status(user, second) == ["KILLED", "KILLED"]
    assert started(shared / "first") == ["s_0", "s_1", "t_0"]
    assert started(shared / "second") == ["s_0", "t_0"]


async def test_many_large_applications_are_stored(tmp_path: Path) -> None:
    """ZooKeeper has each of them in memory several times, and without it nobody becomes active."""
    async with HadoopCluster(ha=True) as cluster:
        variables = {**cluster.env, "SKEIN_CONFIG": str(tmp_path)}
        async with Client(Settings.from_environment(variables)) as client:
            manager = client.resource_manager
            for _ in range(130):
                number = (await manager.get_new_application()).application_id
                environment = {"LARGE": "x" * 400_000}
                context = ApplicationSubmissionContext(
                    application_id=number,
                    queue="default",
                    am_container_spec=ContainerLaunchContext(environment=environment),
                    unmanaged_am=True,
                    resource=Resource(memory=1, virtual_cores=1),
                )
                await manager.submit_application(context)
                await client.kill(number)
            killed = await cluster.failover()
            assert await cluster.active_resource_manager() != killed

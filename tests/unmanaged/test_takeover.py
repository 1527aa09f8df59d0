"""The process that holds applications is killed, and the next one goes on with them."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from e2e.walk import SKEIN, eventually, of_application
from unmanaged.held import RESOURCES, Holder, alive, hold, kill_all, seen
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.control.messages import ContainerState, FinalStatus
from yarnhub.spec import ApplicationSpec, Service
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

COUNT = 2
RUNNING = [ContainerState.RUNNING]
LATER = ["s_1", "s_3", "s_4"]
"""The containers of the first application when one was killed, one added and one replaced."""


@pytest.fixture
def env(hadoop_cluster: HadoopCluster, tmp_path: Path) -> dict[str, str]:
    return {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}


@pytest.fixture
def settings(env: dict[str, str]) -> Settings:
    return Settings.from_environment(env)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    return tmp_path / "started"


@pytest.fixture(autouse=True)
async def nothing_left(settings: Settings, tmp_path: Path) -> AsyncIterator[None]:
    yield
    async with hold(settings, tmp_path) as applications:
        await kill_all(applications)


@pytest.fixture
def holder(tmp_path: Path, env: dict[str, str], started: Path) -> Iterator[Holder]:
    """Holds applications with three containers each, which report when `go` is there.

    All of them run on one node at a time, with what is started in the place of others.
    """
    script = (
        f"echo $SKEIN_APPLICATION_ID $SKEIN_CONTAINER_ID >> {started}\n"
        f"until [ -e {tmp_path}/go ]; do sleep 0.1; done\n"
        f"{SKEIN} kv put current --key report.$SKEIN_CONTAINER_ID --value here\n"
        f"until [ -e {tmp_path}/end ]; do sleep 0.1; done\n"
    )
    service = Service(resources=RESOURCES, script=script, instances=3, max_restarts=5)
    spec = ApplicationSpec(name="held", services={"s": service})
    holder = Holder(tmp_path / "held", env, [spec] * COUNT)
    try:
        yield holder
    finally:
        holder.kill()


async def test_all_go_on_where_they_were(
    settings: Settings, tmp_path: Path, started: Path, holder: Holder
) -> None:
    def all_run() -> bool:
        return started.exists() and len(started.read_text().split("\n")) == 3 * COUNT + 1

    await asyncio.to_thread(eventually, all_run, "all containers run", 60)
    holder.kill()
    async with hold(settings, tmp_path) as applications:
        assert list(applications) == sorted(holder.ids)
        first = applications[holder.ids[0]]
        async with asyncio.timeout(60):  # the holder may not have known of all
            for each in applications.values():
                while len(await each.get_containers(states=RUNNING)) < 3:
                    await asyncio.sleep(0.05)
        before = {each.id: seen(await each.get_containers()) for each in applications.values()}
        await first.keys.put("owned", b"v", owner="s_1")
        await first.keys.put("free", b"\0\xff")
        await first.kill_container("s_2")
        await first.add_container("s", {"X": "1"})
        # Of a container that has failed the next one takes the place; that is counted.
        number = before[first.id][0][2]
        victims = of_application(first.id)
        os.kill(next(pid for pid, (_, _, e) in victims.items() if number in e), 9)
        async with asyncio.timeout(60):
            while [each.id for each in await first.get_containers(states=RUNNING)] != LATER:
                await asyncio.sleep(0.05)
        port = applications.port

    assert await alive(settings) >= set(holder.ids), "they do not end with who holds them"
    async with hold(settings, tmp_path) as applications:
        assert applications.port == port
        first = applications[holder.ids[0]]
        for each in applications.values():
            if each is not first:
                assert seen(await each.get_containers()) == before[each.id]
        assert {entry.key: entry.owner for entry in await first.keys.get_range()} == {
            "owned": "s_1",
            "free": None,
        }
        states = [(each.id, each.state.value) for each in await first.get_containers(states=None)]
        assert states[:3] == [("s_0", "FAILED"), ("s_1", "RUNNING"), ("s_2", "KILLED")]
        assert [state for _, state in states[3:]] == ["RUNNING", "RUNNING"]
        assert first.core.services["s"].restarts == 1

        # Containers reach whoever holds them now, and their ends are heard of.
        (tmp_path / "go").touch()
        async with asyncio.timeout(60):
            for each in applications.values():
                for container in await each.get_containers():
                    await each.keys.wait(f"report.{container.id}")
        (tmp_path / "end").touch()
        async with asyncio.TaskGroup() as group:
            ends = [
                group.create_task(each.ended(deadline=60)) for each in list(applications.values())
            ]
        assert {end.result().status for end in ends} == {FinalStatus.SUCCEEDED}
    lines = started.read_text().split("\n")[:-1]
    assert len(lines) == len(set(lines)) == 3 * COUNT + 2, "no container was started twice"


async def test_one_that_was_killed_within_its_submission_is_taken_back(
    settings: Settings, tmp_path: Path, env: dict[str, str]
) -> None:
    service = Service(resources=RESOURCES, script="sleep 100")
    holder = Holder(tmp_path / "held", env, [ApplicationSpec(services={"s": service})])
    holder.kill()
    (application_id,) = holder.ids
    # What is kept between the submission and the token: all but that.
    folder = hold(settings, tmp_path)._folder
    kept = folder.read(application_id)
    del kept.tokens["YARN_AM_RM_TOKEN"]  # type: ignore[attr-defined]  # a dict
    folder.keep(application_id, kept)
    (tmp_path / "held" / f"{application_id}.journal").unlink(missing_ok=True)
    async with hold(settings, tmp_path) as applications:
        assert not applications
        async with asyncio.timeout(60):
            while application_id in await alive(settings) or folder.applications():
                await asyncio.sleep(0.05)


async def test_one_that_ended_meanwhile_says_how(
    settings: Settings, tmp_path: Path, env: dict[str, str]
) -> None:
    service = Service(resources=RESOURCES, script="sleep 100")
    holder = Holder(tmp_path / "held", env, [ApplicationSpec(services={"s": service})] * 2)
    holder.kill()
    ended, alive_still = holder.ids
    async with Client(settings) as client:
        await client.kill(ApplicationId.parse(ended))
    async with hold(settings, tmp_path) as applications:
        end = await applications[ended].ended(deadline=60)
        assert end.status is FinalStatus.KILLED
        assert "killed by user" in end.diagnostics
        assert list(applications) == [alive_still]
        assert len(await applications[alive_still].get_containers()) == 1


async def test_one_that_is_not_in_the_folder_any_more_is_found_by_its_tag_and_ended(
    settings: Settings, tmp_path: Path, env: dict[str, str]
) -> None:
    service = Service(resources=RESOURCES, script="sleep 100")
    holder = Holder(tmp_path / "held", env, [ApplicationSpec(services={"s": service})] * 2)
    holder.kill()
    lost, kept = holder.ids
    # As where the folder is of a back-up that is older than the application.
    hold(settings, tmp_path)._folder.forget(lost)
    async with hold(settings, tmp_path) as applications:
        async with asyncio.timeout(60):
            while lost in await alive(settings):
                await asyncio.sleep(0.05)
        assert list(applications) == [kept]
        assert kept in await alive(settings)

"""Held applications and a ResourceManager that limits them, or dies, on a cluster of their own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2e.walk import eventually
from unmanaged.held import RESOURCES, Holder, hold, kill_all, seen, spec
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.explain.reasons import NoRoomOnNodes
from yarnhub.client.explain.words import sentence
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.options import ClusterOptions
from yarnhub.control.messages import ContainerState
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.client.explain.reasons import Reason
    from yarnhub.unmanaged import UnmanagedApplication

pytestmark = pytest.mark.cluster

LIMITED = "yarn.scheduler.capacity.root.fruit.apples.maximum-am-resource-percent"
PARALLEL = "yarn.scheduler.capacity.root.fruit.bananas.max-parallel-apps"
RUNNING = [ContainerState.RUNNING]


@pytest.fixture(scope="module")
def cluster() -> Iterator[HadoopCluster]:
    site = {"capacity-scheduler.xml": {LIMITED: "0.01", PARALLEL: "1"}}
    cluster = HadoopCluster(ClusterOptions(site=site))
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


@pytest.fixture
def env(cluster: HadoopCluster, tmp_path: Path) -> dict[str, str]:
    return {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}


@pytest.fixture
def settings(env: dict[str, str]) -> Settings:
    return Settings.from_environment(env)


async def running(application: UnmanagedApplication, count: int) -> None:
    async with asyncio.timeout(60):
        while len(await application.get_containers(states=RUNNING)) < count:
            await asyncio.sleep(0.05)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def test_who_is_above_the_limit_of_its_queue_is_told(
    settings: Settings, tmp_path: Path
) -> None:
    async with hold(settings, tmp_path) as applications:
        try:
            first, second = [await applications.submit(spec(queue="apples")) for _ in range(2)]
            await running(first, 1)
            async with asyncio.timeout(60):
                # The first one may have waited for some seconds, too.
                while second.waits_for is None or first.waits_for is not None:
                    await asyncio.sleep(0.05)
            assert LIMITED in sentence(second.waits_for)
            assert first.waits_for is None
            explained = await applications.explain(second)
            assert explained.reasons == (second.waits_for,)
            await first.kill()
            await running(second, 1)
            async with asyncio.timeout(60):
                while second.waits_for is not None:
                    await asyncio.sleep(0.05)
        finally:
            await kill_all(applications)


def of_size(memory: int, **changes: Any) -> ApplicationSpec:
    size = Resources(memory=MiB(memory), vcores=VCores(1))
    return replace(
        spec(**changes), services={"s": Service(resources=size, script="exec sleep 200")}
    )


async def reason(application: UnmanagedApplication) -> Reason:
    async with asyncio.timeout(60):
        while application.waits_for is None:
            await asyncio.sleep(0.05)
    return application.waits_for


async def test_a_full_node_is_not_taken_for_a_limit(settings: Settings, tmp_path: Path) -> None:
    async with hold(settings, tmp_path) as applications:
        try:
            bob = await applications.submit(of_size(8192, user="bob"))
            await running(bob, 1)
            alice = await applications.submit(of_size(1024, user="alice"))
            on_nodes = await reason(alice)
            assert isinstance(on_nodes, NoRoomOnNodes)
            assert on_nodes.request.amounts == {MEMORY: 1024, VCORES: 1}
            said = [sentence(each) for each in (await applications.explain(alice)).reasons]
            assert not any("ApplicationMaster" in each for each in said)
            full = next(each for each in said if "is full" in each)
            assert "it holds 8192 MiB and 1 vcore of 8192 MiB" in full
            assert f"{bob.id} of bob (8192 MiB)" in full
        finally:
            await kill_all(applications)


async def test_the_limit_of_parallel_applications_is_told(
    settings: Settings, tmp_path: Path
) -> None:
    async with hold(settings, tmp_path) as applications:
        try:
            first, second = [await applications.submit(spec(queue="bananas")) for _ in range(2)]
            await running(first, 1)
            assert PARALLEL in sentence(await reason(second))
            explained = await applications.explain(second)
            assert explained.reasons == (second.waits_for,)
        finally:
            await kill_all(applications)


async def test_no_container_is_lost_by_a_resource_manager_that_forgets_all(
    cluster: HadoopCluster, settings: Settings, env: dict[str, str], tmp_path: Path
) -> None:
    started = tmp_path / "started"
    script = f"echo $SKEIN_APPLICATION_ID $SKEIN_CONTAINER_ID >> {started}; exec sleep 200"
    service = Service(resources=RESOURCES, script=script, instances=2)
    holder = Holder(tmp_path / "held", env, [ApplicationSpec(services={"s": service})] * 2)
    try:
        await asyncio.to_thread(eventually, lambda: len(lines(started)) == 4, "all run", 60)
    finally:
        holder.kill()
    await cluster.kill("resourcemanager")
    await cluster.restart("resourcemanager")
    # The ResourceManager tells nobody of containers that ran before it: they must be remembered.
    async with hold(settings, tmp_path) as applications:
        try:
            assert list(applications) == sorted(holder.ids)
            for application in applications.values():  # the holder may not have known of all
                await running(application, 2)
            before = {each.id: seen(await each.get_containers()) for each in applications.values()}
            assert {len(containers) for containers in before.values()} == {2}
            for application in applications.values():
                await application.add_container("s")
                await running(application, 3)
                assert seen(await application.get_containers())[:2] == before[application.id]
            # It goes down under them as well.
            await cluster.kill("resourcemanager")
            await cluster.restart("resourcemanager")
            for application in applications.values():
                await application.add_container("s")
                await running(application, 4)
            await asyncio.to_thread(eventually, lambda: len(set(lines(started))) == 8, "all run")
        finally:
            await kill_all(applications)
    assert len(lines(started)) == 8, "no container was started twice"

"""The watch of a real ResourceManager with ACLs, which is killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from watch.real_resource_manager import RealWorld
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.options import ClusterOptions
from yarnhub.watch.application_watch import ApplicationWatch, WatchOptions
from yarnhub.watch.usage import Observation
from yarnhub.watch.visibility import NO_ONE, Viewer, visible
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

pytestmark = pytest.mark.cluster

ACLS = {"yarn.acl.enable": "true", "yarn.admin.acl": getpass.getuser()}


@pytest.fixture(scope="module")
def cluster() -> Iterator[HadoopCluster]:
    cluster = HadoopCluster(ClusterOptions(site={"yarn-site.xml": ACLS}))
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


@contextlib.asynccontextmanager
async def watching(world: RealWorld) -> AsyncIterator[ApplicationWatch]:
    watch = ApplicationWatch(world.source, time.time, options=WatchOptions(interval=0.2))  # noqa: TID251
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch.run())
        try:
            yield watch
        finally:
            task.cancel()


async def until(watch: ApplicationWatch, condition: Callable[[], bool]) -> None:
    async with contextlib.aclosing(watch.changes(since=-1)) as changes:
        async for _ in changes:
            if condition():
                return


def state(watch: ApplicationWatch, number: ApplicationId) -> str:
    row = watch.table.get(number)
    return row.report.yarn_application_state.name if row else ""


def shown(report: ApplicationReport) -> ApplicationReport:
    """Without what differs between two calls, amounts that YARN also puts into maps, and counters.

    YARN sends 0 for counters that a user may not view, or the value of another application: see
    `Observation.of`.
    """
    usage = report.app_resource_usage
    amounts = {
        name: replace(getattr(usage, name), resource_value_map=())
        for name in ("used_resources", "reserved_resources", "needed_resources")
    }
    compared = replace(
        usage,
        memory_seconds=-1,
        vcore_seconds=-1,
        preempted_memory_seconds=-1,
        preempted_vcore_seconds=-1,
        application_resource_usage_map={},
        application_preempted_resource_usage_map={},
        **amounts,
    )
    return replace(report, app_resource_usage=compared, app_timeouts={})


async def test_what_is_hidden_is_what_yarn_hides(cluster: HadoopCluster) -> None:
    async with (
        asyncio.timeout(60),
        RealWorld.open(cluster.conf_dir, getpass.getuser()) as administrator,
        RealWorld.open(cluster.conf_dir, "alice") as alice,
        RealWorld.open(cluster.conf_dir, "bob") as bob,
    ):
        waiting, running, ended = [await alice.submit() for _ in range(3)]
        await alice.run(running)
        await alice.kill(ended)
        for number in (waiting, running, ended):
            known = await administrator.manager.get_application_report(number)
            seen = await bob.manager.get_application_report(number)
            assert shown(visible(known, Viewer("bob"), NO_ONE)) == shown(seen)
            assert shown(visible(known, Viewer("alice"), NO_ONE)) != shown(seen)
            assert Observation.of(known, 0) is not None
            assert Observation.of(seen, 0) is None


async def test_nothing_is_lost_when_the_resource_manager_is_killed(cluster: HadoopCluster) -> None:
    async with (
        asyncio.timeout(100),
        RealWorld.open(cluster.conf_dir, getpass.getuser()) as administrator,
        RealWorld.open(cluster.conf_dir, "alice") as alice,
        watching(administrator) as watch,
    ):
        ended, running, waiting = [await alice.submit() for _ in range(3)]
        await until(watch, lambda: state(watch, waiting) == "ACCEPTED")
        await alice.run(running)
        await alice.run(ended)
        await until(watch, lambda: state(watch, running) == state(watch, ended) == "RUNNING")

        await alice.kill(ended)
        await until(watch, lambda: state(watch, ended) == "KILLED")
        looked = watch.freshness.looked

        await cluster.kill("resourcemanager")
        await until(watch, lambda: watch.freshness.failure is not None)
        assert (state(watch, running), state(watch, ended)) == ("RUNNING", "KILLED")
        await cluster.restart("resourcemanager")
        await until(watch, lambda: watch.freshness.failure is None)
        assert (watch.freshness.looked or 0) > (looked or 0)

        later = await alice.submit()
        await until(watch, lambda: state(watch, later) == "ACCEPTED")
        assert later.cluster_timestamp > running.cluster_timestamp
        await alice.kill(running)
        await until(watch, lambda: state(watch, running) == "KILLED")
        listed = await administrator.manager.get_applications(
            GetApplicationsRequest(application_tags=(alice.tag,))
        )
        assert {each.application_id for each in listed} == {ended, running, waiting, later}
        for each in listed:
            assert state(watch, each.application_id) == each.yarn_application_state.name

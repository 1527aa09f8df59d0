"""What YARN does to Dask clusters: it loses nodes, is away, or has no room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from e2e.walk import processes
from faults.dask_clusters import RECOVERY, until_containers
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, of_cluster, schedulers, workers
from yarnhub.client.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

TIMES = """
c.YarnBackend.cluster_heartbeat_timeout = 60  # longer than YARN takes to give up a node
c.YarnBackend.cluster_start_timeout = 30
"""
LOST = "its node (was|is) lost"
LARGE = 7936 << 20
"""Bytes of a worker that has no room on a node beside a scheduler."""


@pytest.fixture
async def server(fault_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    async with DaskGatewayServer(tmp_path / "dask", fault_cluster, f"{CONFIG}{TIMES}") as server:
        yield server


@pytest.fixture
async def alice(server: DaskGatewayServer) -> AsyncIterator[User]:
    async with User(server, "alice") as user:
        yield user


@pytest.fixture
async def yarn(settings: Settings) -> AsyncIterator[Client]:
    async with Client(settings) as client:
        yield client


async def test_a_worker_whose_node_is_lost_is_replaced(
    server: DaskGatewayServer, alice: User, yarn: Client, fault_cluster: HadoopCluster
) -> None:
    name = await alice.started(worker_memory=LARGE)
    await alice.scale(name, 1)
    await logged(server, lambda log: "is running" in log.partition("Created worker")[2])
    lost = node_of(workers(name)[0])
    assert lost != node_of(schedulers(name)[0])
    async with without_node(fault_cluster, lost, name):
        await logged(server, lambda log: log.count("Created worker") == 2)
        # Of YARN or, if it does not know after 10 s, of the scheduler.
        await logged(server, lambda log: re.search(LOST, log))
        assert (await alice.http.get(name)).json()["status"] == "RUNNING"
    await until_containers(yarn, name, 2)
    answer = await alice.scale(name, 1)
    assert re.search(LOST, answer["msg"]), "the user is told"


async def test_a_cluster_whose_schedulers_node_is_lost_has_failed_for_a_reason(
    server: DaskGatewayServer, alice: User, fault_cluster: HadoopCluster
) -> None:
    name = await alice.started()
    async with without_node(fault_cluster, node_of(schedulers(name)[0]), name):
        await alice.until(name, lambda model: model["status"] == "FAILED")
    told = await alice.waited(name)
    assert told.status_code == 409
    assert "its node was lost" in told.json()["error"]
    scaled = await alice.http.post(f"{name}/scale", json={"count": 1})
    assert scaled.status_code == 409
    assert "its node was lost" in scaled.json()["error"]


async def test_a_server_that_starts_while_yarn_is_away_holds_its_clusters_again_later(
    server: DaskGatewayServer, alice: User, yarn: Client, fault_cluster: HadoopCluster
) -> None:
    name = await alice.started()
    before = (await of_cluster(yarn, name)).application_id
    pair = ("resourcemanager-1", "resourcemanager-2")
    await server.kill()
    for each in pair:
        await fault_cluster.kill(each)
    try:
        await server.start()
        await alice.scale(name, 2)
        await logged(server, lambda log: log.count("Created worker") == 2)
        assert (await alice.http.get(name)).json()["status"] == "RUNNING"
    finally:
        for each in pair:
            await fault_cluster.restart(each)
    await until_containers(yarn, name, 3)
    assert (await of_cluster(yarn, name)).application_id == before
    assert server.log.read_text().count("Created worker") == 2, "none was given up"


async def test_a_cluster_beyond_the_share_of_application_masters_keeps_its_place(
    server: DaskGatewayServer, alice: User
) -> None:
    first = await alice.started(queue="apples")
    second, third = [(await alice.new(queue="apples")).json()["name"] for _ in range(2)]
    await logged(server, lambda log: log.count("maximum-am-resource-percent") == 2)
    for _ in range(2):  # 20 s each, together longer than c.YarnBackend.cluster_start_timeout
        assert (await alice.http.get(third, params={"wait": ""})).json()["status"] == "PENDING"
    await alice.http.delete(first)
    assert (await alice.waited(second)).json()["status"] == "RUNNING"
    assert (await alice.http.get(third)).json()["status"] == "PENDING"
    await alice.http.delete(second)
    assert (await alice.waited(third)).json()["status"] == "RUNNING"


def node_of(pid: int) -> str:
    """The NodeManager that has started a process; empty if the process has ended meanwhile."""
    variables = processes().get(pid, ("", "", ""))[2]
    found = [each for each in ("nodemanager-1", "nodemanager-2") if f"/{each}/" in variables]
    return found[0] if found else ""


@contextlib.asynccontextmanager
async def without_node(cluster: HadoopCluster, node: str, dask_cluster: str) -> AsyncIterator[None]:
    """While a node is lost, with all that a Dask cluster has there."""
    await cluster.kill(node)
    try:
        for pid in (*schedulers(dask_cluster), *workers(dask_cluster)):
            with contextlib.suppress(ProcessLookupError):
                if node_of(pid) == node:
                    os.kill(pid, signal.SIGKILL)
        yield
    finally:
        await cluster.restart(node)


async def logged(server: DaskGatewayServer, condition: Callable[[str], object]) -> None:
    """Wait until the log of a server is so."""
    try:
        async with asyncio.timeout(RECOVERY):
            while not condition(server.log.read_text()):
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"not within {RECOVERY:g} s:\n{server.tail(80)}")

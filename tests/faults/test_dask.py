"""dask-gateway's server with our backend, killed at any moment."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx
import pytest

from faults.conftest import ROUNDS
from faults.guests import NOT_ENDED
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, of_cluster
from yarnhub.base.tasks import task_group
from yarnhub.client.client import Client
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 40 * ROUNDS)]

WORKERS = 3
RECOVERY = 60.0


@pytest.fixture
async def server(fault_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    async with DaskGatewayServer(tmp_path / "dask", fault_cluster, CONFIG) as server:
        yield server


@pytest.fixture
async def alice(server: DaskGatewayServer) -> AsyncIterator[User]:
    async with User(server, "alice") as user:
        yield user


@pytest.fixture
async def yarn(settings: Settings) -> AsyncIterator[Client]:
    async with Client(settings) as client:
        yield client


async def test_the_server_is_killed_while_workers_start_and_end(
    server: DaskGatewayServer, alice: User, yarn: Client, moments: random.Random
) -> None:
    name = await alice.started()
    for number in range(ROUNDS):
        count = WORKERS if number % 2 == 0 else 0
        async with task_group() as group:
            group.create_task(scaled(alice, name, count))
            await asyncio.sleep(moments.uniform(0, 1.5))
            await server.kill()
        await server.start()
        await scaled(alice, name, count)
        await until_containers(yarn, name, count + 1)


async def test_the_server_is_killed_while_clusters_start(
    server: DaskGatewayServer, alice: User, yarn: Client, moments: random.Random
) -> None:
    for _ in range(ROUNDS):
        async with task_group() as group:
            group.create_task(asked(alice))
            await asyncio.sleep(moments.uniform(0, 1))
            await server.kill()
        await server.start()
        listed = (await alice.http.get("")).json()
        for name in listed:
            assert (await alice.waited(name)).json()["status"] == "RUNNING", server.tail()
        await until_applications(yarn, len(listed))
        await alice.end_all()
        await until_applications(yarn, 0)


async def scaled(user: User, name: str, count: int) -> None:
    """Ask for workers, of a server that may be gone."""
    with contextlib.suppress(httpx.TransportError):
        await user.http.post(f"{name}/scale", json={"count": count})


async def asked(user: User) -> None:
    """Ask for a cluster, of a server that may be gone."""
    with contextlib.suppress(httpx.TransportError):
        await user.new()


async def until_containers(yarn: Client, name: str, count: int) -> None:
    """Wait until a cluster has so many containers for some seconds; it never has too many."""
    seen: list[int] = []
    async with asyncio.timeout(RECOVERY):
        while seen[-15:] != [count] * 15:
            usage = (await of_cluster(yarn, name)).app_resource_usage
            seen.append(usage.num_used_containers)
            await asyncio.sleep(0.2)
    assert max(seen) <= WORKERS + 1, "a worker was started twice"


async def until_applications(yarn: Client, count: int) -> None:
    """Wait until so many applications of Dask clusters run."""
    request = GetApplicationsRequest(
        application_tags=("dask-gateway",), application_states=NOT_ENDED
    )
    async with asyncio.timeout(RECOVERY):
        while len(await yarn.applications(request)) != count:
            await asyncio.sleep(0.2)

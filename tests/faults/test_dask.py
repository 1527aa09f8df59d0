"""dask-gateway's server with our backend, killed at any moment, with each kind of database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from faults.conftest import ROUNDS
from faults.dask_clusters import RECOVERY, WORKERS, until_applications, until_containers
from integrations.dask_gateway import computation
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, of_cluster, schedulers, workers
from yarnhub.base.tasks import task_group
from yarnhub.client.client import Client
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 40 * ROUNDS)]

HALF = max(1, ROUNDS // 2)
"""Rounds with each of the two databases."""


@pytest.fixture
async def server(
    fault_cluster: HadoopCluster, tmp_path: Path, database: str
) -> AsyncIterator[DaskGatewayServer]:
    config = f"{CONFIG}c.DBBackendBase.db_url = {database!r}\n"
    async with (
        DaskGatewayServer(tmp_path / "dask", fault_cluster, config, own_proxy=False) as server,
        server.proxy,
    ):
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
    for number in range(max(2, HALF)):
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
    for _ in range(HALF):
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


async def test_the_server_is_killed_while_a_user_computes(
    server: DaskGatewayServer, alice: User, yarn: Client, moments: random.Random, tmp_path: Path
) -> None:
    name = await alice.started()
    await scaled(alice, name, 2)
    await until_containers(yarn, name, 3)
    notes = tmp_path / "notes"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, computation.__file__, server.address, server.proxy_address),
        *(name, str(notes)),
    )
    try:
        await until_batches(notes, 5)
        for _ in range(HALF):
            await asyncio.sleep(moments.uniform(0, 0.5))
            await server.kill()
            await until_batches(notes, 5)  # while there is no server
            await server.start()
            await until_batches(notes, 5)
            await until_containers(yarn, name, 3)
        Path(f"{notes}.enough").touch()
        async with asyncio.timeout(RECOVERY):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    pids = {pid for line in batches(notes)[5:] for pid in json.loads(line)}
    assert len(pids) == 2, "the same workers did it all"
    await scaled(alice, name, 1)
    await until_containers(yarn, name, 2)


async def test_the_server_is_killed_while_a_cluster_is_shut_down(
    server: DaskGatewayServer, alice: User, yarn: Client, moments: random.Random
) -> None:
    for _ in range(HALF):
        name = await alice.started()
        await scaled(alice, name, WORKERS)
        await until_containers(yarn, name, WORKERS + 1)
        async with task_group() as group:
            group.create_task(shut_down(alice, name))
            await asyncio.sleep(moments.uniform(0, 0.5))
            await server.kill()
        await server.start()
        await shut_down(alice, name)  # the request may not have arrived
        await alice.until(name, lambda model: model["status"] == "STOPPED")
        await until_applications(yarn, 0)
        report = await of_cluster(yarn, name)
        assert report.yarn_application_state is YarnApplicationState.FINISHED
        async with asyncio.timeout(RECOVERY):
            while schedulers(name) or workers(name):
                await asyncio.sleep(0.1)


async def scaled(user: User, name: str, count: int) -> None:
    """Ask for workers, of a server that may be gone."""
    with contextlib.suppress(httpx.TransportError):
        await user.http.post(f"{name}/scale", json={"count": count})


async def asked(user: User) -> None:
    """Ask for a cluster, of a server that may be gone."""
    with contextlib.suppress(httpx.TransportError):
        await user.new()


async def shut_down(user: User, name: str) -> None:
    """Shut a cluster down, by a server that may be gone."""
    with contextlib.suppress(httpx.TransportError):
        await user.http.delete(name)


def batches(notes: Path) -> list[str]:
    """What a computation has noted so far."""
    return notes.read_text().splitlines() if notes.exists() else []


async def until_batches(notes: Path, count: int) -> None:
    """Wait until a computation has gone on for so many batches."""
    enough = len(batches(notes)) + count
    async with asyncio.timeout(RECOVERY):
        while len(batches(notes)) < enough:
            await asyncio.sleep(0.05)

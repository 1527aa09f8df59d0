"""What our backend tells of Dask clusters that do not start, end, or lose workers."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import signal
from typing import TYPE_CHECKING

import pytest

from e2e.walk import eventually, processes
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, of_cluster
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
async def server(hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    async with DaskGatewayServer(tmp_path / "gateway", hadoop_cluster, CONFIG) as server:
        yield server


@pytest.fixture
async def alice(server: DaskGatewayServer) -> AsyncIterator[User]:
    async with User(server, "alice") as user:
        yield user


@pytest.fixture
async def yarn(hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Client]:
    env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    async with Client(Settings.from_environment(env)) as client:
        yield client


async def test_a_refusal_of_yarns_is_told_at_once(alice: User) -> None:
    unknown = await alice.new(queue="nowhere")
    large = await alice.new(scheduler_memory=1 << 40)
    assert (unknown.status_code, large.status_code) == (422, 422)
    assert "nowhere" in unknown.json()["error"]
    assert "memory" in large.json()["error"].lower()
    assert (await alice.http.get("")).json() == {}


async def test_an_option_gives_no_file_of_the_server_away(alice: User) -> None:
    for source in ("/etc/hostname", "file:///etc/hostname", "FILE:/etc/hostname"):
        answer = await alice.new(files={"x": source})
        assert answer.status_code == 422
        assert "localize_files.x" in answer.json()["error"]


async def test_nobody_has_clusters_of_the_servers_own_account(server: DaskGatewayServer) -> None:
    for name in ("", getpass.getuser()):
        user = User(server, name)
        async with user.http:
            answer = await user.new()
        assert answer.status_code == 422
        assert "account of dask-gateway's server" in answer.json()["error"]


async def test_a_scheduler_that_does_not_start_says_why(alice: User) -> None:
    name = (await alice.new(scheduler_cmd="no-such-command")).json()["name"]
    answer = await alice.waited(name)
    assert answer.status_code == 409
    assert "failed to start" in answer.json()["error"]
    assert "command was not found" in answer.json()["error"]


async def test_what_fails_and_why_is_for_its_owner_only(
    server: DaskGatewayServer, alice: User
) -> None:
    name = (await alice.new(scheduler_cmd="no-such-command")).json()["name"]
    await alice.waited(name)
    bob = User(server, "bob")
    async with bob.http:
        answer = await bob.http.get(name, params={"wait": ""})
    assert answer.status_code == 403
    assert "command" not in answer.text


async def test_a_cluster_that_is_shut_down_has_succeeded(alice: User, yarn: Client) -> None:
    name = await alice.started()
    assert (await of_cluster(yarn, name)).user == "alice"
    assert (await alice.http.delete(name)).status_code == 204
    await alice.until(name, lambda model: model["status"] == "STOPPED")
    report = await of_cluster(yarn, name)
    assert report.yarn_application_state is YarnApplicationState.FINISHED
    assert report.final_application_status is FinalApplicationStatus.SUCCEEDED


async def test_a_cluster_that_somebody_kills_has_failed(alice: User, yarn: Client) -> None:
    name = await alice.started()
    await yarn.kill((await of_cluster(yarn, name)).application_id)
    await alice.until(name, lambda model: model["status"] == "FAILED")


async def test_a_server_that_was_killed_holds_its_clusters_again(
    server: DaskGatewayServer, alice: User, yarn: Client
) -> None:
    name = await alice.started()
    kept = (await of_cluster(yarn, name)).application_id
    await server.kill()
    await server.start()
    assert (await alice.http.get(name)).json()["status"] == "RUNNING"
    assert (await alice.http.post(f"{name}/scale", json={"count": 1})).status_code == 200
    report = await of_cluster(yarn, name)
    assert report.application_id == kept
    assert report.yarn_application_state is YarnApplicationState.RUNNING
    await alice.end_all()
    assert (await of_cluster(yarn, name)).yarn_application_state is YarnApplicationState.FINISHED


async def test_workers_that_wait_keep_their_place(
    server: DaskGatewayServer, alice: User, yarn: Client
) -> None:
    name = await alice.started()
    await alice.http.post(f"{name}/scale", json={"count": 30})
    seen: list[int] = []
    async with asyncio.timeout(90):  # longer than c.YarnBackend.worker_start_timeout
        while len(set(seen[-40:])) != 1 or len(seen) < 125 or seen[-1] < 5:
            usage = (await of_cluster(yarn, name)).app_resource_usage
            seen.append(usage.num_used_containers)
            await asyncio.sleep(0.2)
    log = server.log.read_text()
    assert seen[-1] < 30, "the queue is full"
    assert log.count("Created worker") == 30, "none was given up"
    assert "timed out" not in log


async def test_a_worker_that_ends_is_replaced_at_once(
    server: DaskGatewayServer, alice: User, yarn: Client
) -> None:
    name = await alice.started()
    await alice.http.post(f"{name}/scale", json={"count": 1})
    eventually(lambda: "is running" in server.log.read_text().partition("Created worker")[2], "it")
    own = {"DASK_GATEWAY_WORKER_NAME=", f"DASK_GATEWAY_CLUSTER_NAME={name}\n"}
    workers = [pid for pid, (*_, env) in processes().items() if all(each in env for each in own)]
    assert workers
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: server.log.read_text().count("Created worker") == 2, "another is started")
    assert "signal 9" in server.log.read_text()
    assert (await alice.http.get(name)).json()["status"] == "RUNNING"

"""What our backend tells of Dask clusters that do not start, end, or lose workers."""

from __future__ import annotations

import asyncio
import getpass
from typing import TYPE_CHECKING

import pytest

from e2e.walk import eventually
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, kill, of_cluster, workers
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport

pytestmark = pytest.mark.cluster


@pytest.fixture
def dask_config() -> str:
    """What a test adds to the configuration."""
    return ""


@pytest.fixture
async def server(
    hadoop_cluster: HadoopCluster, tmp_path: Path, dask_config: str
) -> AsyncIterator[DaskGatewayServer]:
    config = f"{CONFIG}\n{dask_config}"
    async with DaskGatewayServer(tmp_path / "gateway", hadoop_cluster, config) as server:
        yield server


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


@pytest.mark.parametrize("dask_config", ['c.YarnBackend.user_limit = {"clusters": 1, "cores": 3}'])
async def test_limits_of_a_user_hold(server: DaskGatewayServer, alice: User) -> None:
    name = await alice.started()
    second = await alice.new()
    assert second.status_code == 422
    assert "limit of the user alice: 1 cluster of 1 cluster in use" in second.json()["error"]
    wide = await alice.http.post(f"{name}/scale", json={"count": 5})
    assert wide.status_code == 409
    assert "1 core of 3 cores in use, and it needs 5 cores more" in wide.json()["error"]

    await server.kill()
    await server.start()
    adaptive = {"minimum": 9, "maximum": 9}
    assert (await alice.http.post(f"{name}/adapt", json=adaptive)).status_code == 200
    async with asyncio.timeout(60):
        while server.log.read_text().count(" is running") < 2:  # two workers
            await asyncio.sleep(0.1)
    assert "asks for 9 workers, and its user's limits allow 2" in server.log.read_text()
    assert server.log.read_text().count("Created worker") == 2
    assert (await alice.new()).status_code == 422
    async with User(server, "bob") as bob:
        await bob.started()


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
    assert answer.status_code == 404
    assert "command" not in answer.text


async def ended(yarn: Client, name: str) -> ApplicationReport:
    """The application of a Dask cluster, once it has ended: the server does not wait for ever."""
    async with asyncio.timeout(60):
        while not (report := await of_cluster(yarn, name)).yarn_application_state.ended:
            await asyncio.sleep(0.5)
    return report


async def test_a_cluster_that_is_shut_down_has_succeeded(alice: User, yarn: Client) -> None:
    name = await alice.started()
    assert (await of_cluster(yarn, name)).user == "alice"
    assert (await alice.http.delete(name)).status_code == 204
    await alice.until(name, lambda model: model["status"] == "STOPPED")
    report = await ended(yarn, name)
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
    assert (await ended(yarn, name)).yarn_application_state is YarnApplicationState.FINISHED


@pytest.mark.waits
async def test_workers_that_wait_keep_their_place(
    server: DaskGatewayServer, alice: User, yarn: Client
) -> None:
    # Few run at the same time: each has to report before c.YarnBackend.worker_start_timeout.
    name = await alice.started(worker_memory=1 << 30)
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
    log = server.log.read_text
    eventually(lambda: "is running" in log().partition("Created worker")[2], "it", deadline=60)
    assert workers(name)
    kill(workers(name))
    eventually(lambda: log().count("Created worker") == 2, "another is started", deadline=60)
    eventually(lambda: "signal 9" in log(), "and why", deadline=60)
    assert (await alice.http.get(name)).json()["status"] == "RUNNING"

"""Bad input and faults: what a user of dask-gateway's client is told, and what a server ends."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dask_gateway import GatewayClusterError, GatewayWarning

from e2e.walk import eventually, processes
from integrations.dask_gateway.server import OURS, UPSTREAM, DaskGatewayServer
from integrations.dask_gateway.user import (
    CONFIG,
    User,
    gateway,
    kill,
    of_cluster,
    schedulers,
    workers,
)
from yarnhub.base.errors import ControlError, FailureCode
from yarnhub.client.application.container import CurrentContainer
from yarnhub.control.messages import FinalStatus
from yarnhub.integrations.dask_gateway.specification import WORKER
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from postgresql import PostgreSQL
    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

COMMAND = CONFIG.partition('worker_cmd = "')[2].partition('"')[0]
NO_NANNY = f"{COMMAND} --no-nanny"
"""With a nanny, Dask itself restarts a worker that grows slowly."""
MORE_MEMORY = "more memory than it requested: increase worker_memory"
LARGE = 7936 << 20
"""Bytes of a worker that has no room on the node beside a scheduler."""
TIMES = """
c.YarnBackend.cluster_heartbeat_timeout = 8
c.YarnBackend.cluster_start_timeout = {}
""".format


@pytest.fixture
async def server(hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    async with DaskGatewayServer(
        tmp_path / "gateway", hadoop_cluster, f"{CONFIG}{TIMES(30)}"
    ) as server:
        yield server


async def test_what_cannot_be_is_refused_in_the_clients_exception(
    server: DaskGatewayServer,
) -> None:
    async with gateway(server, "alice") as alice:
        for options, words in (
            ({"colour": "red"}, r"Unknown fields \['colour'\]"),
            ({"queue": "nowhere"}, "nowhere"),
            ({"scheduler_memory": 1 << 40}, "memory"),
            ({"worker_memory": 1 << 40}, "memory"),
            ({"worker_memory": "much"}, "much"),
            ({"files": {"x": "hdfs:///no/such/file"}}, "/no/such/file"),
        ):
            with pytest.raises(ValueError, match=words):
                await alice.submit(**options)
        assert await alice.list_clusters() == []


async def test_a_wrong_environment_is_named_in_the_clients_exception(
    server: DaskGatewayServer,
) -> None:
    async with gateway(server, "alice") as alice:
        with pytest.raises(GatewayClusterError, match="code 127: its command was not found"):
            await alice.new_cluster(scheduler_cmd="no-such-command")
        assert await alice.list_clusters() == []


async def test_workers_of_a_wrong_environment_fail_their_cluster_for_a_reason(
    server: DaskGatewayServer, alice: User
) -> None:
    name = await alice.started(worker_cmd="no-such-command")
    await alice.scale(name, 1)
    await alice.until(name, lambda model: model["status"] == "FAILED")
    words = r"workers do not start.*code 127: its command was not found"
    async with gateway(server, "alice") as client:
        with pytest.raises(GatewayClusterError, match=words):
            await client.connect(name)
        with pytest.raises(GatewayClusterError, match=words):
            await client.scale_cluster(name, 2)


async def test_a_scheduler_that_hangs_fails_its_cluster_for_a_reason(
    server: DaskGatewayServer, alice: User
) -> None:
    name = await alice.started()
    kill(schedulers(name), signal.SIGSTOP)
    await alice.until(name, lambda model: model["status"] == "FAILED")
    async with gateway(server, "alice") as client:
        with pytest.raises(GatewayClusterError, match=r"scheduler on .* has sent no heartbeat for"):
            await client.connect(name)


async def test_a_scheduler_that_does_not_report_fails_its_cluster_for_a_reason(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    server = DaskGatewayServer(tmp_path / "8", hadoop_cluster, f"{CONFIG}{TIMES(8)}")
    async with server, User(server, "alice"), gateway(server, "alice") as client:
        with pytest.raises(GatewayClusterError, match="scheduler has not reported within 8 s"):
            await client.new_cluster(scheduler_cmd="sh -c 'exec sleep 600' --")


async def test_a_worker_that_is_killed_for_its_memory_is_replaced_and_its_user_told(
    server: DaskGatewayServer, alice: User, tmp_path: Path
) -> None:
    def fill(marker: str) -> str:
        if Path(marker).exists():
            return "done"
        Path(marker).touch()
        kept = b"x" * (700 << 20)
        # With Python's lock: else the worker may leave its scheduler when it gets SIGTERM.
        ctypes.PyDLL(None).sleep(60)
        return f"{len(kept)} bytes"

    name = await alice.started(worker_cmd=NO_NANNY)
    async with gateway(server, "alice") as client, client.connect(name) as cluster:
        await cluster.scale(1)
        async with cluster.get_client(set_as_default=False) as dask:
            assert await dask.submit(fill, str(tmp_path / "marker")) == "done"
        assert MORE_MEMORY in await told_on_scale(cluster, 1)
    assert "beyond the 'PHYSICAL' memory limit" in server.log.read_text()


async def test_a_user_is_told_yarns_reason_for_the_end_of_a_worker_that_left_before(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    def leave(marker: str) -> str:
        first, gone = Path(marker), Path(f"{marker}.gone")
        if first.exists():
            return "done"
        first.touch()

        def fill() -> None:
            while not gone.exists():
                time.sleep(0.05)
            kept = b"x" * (700 << 20)
            time.sleep(60)
            assert kept

        threading.Thread(target=fill).start()  # keeps the process
        os.kill(os.getpid(), signal.SIGTERM)  # as YARN sends it before it kills
        time.sleep(60)
        return "still there"

    # It leaves before a heartbeat of its scheduler has told that it runs.
    rare = "c.YarnBackend.cluster_heartbeat_period = 60\n"
    server = DaskGatewayServer(tmp_path / "rare", hadoop_cluster, f"{CONFIG}{rare}")
    marker = str(tmp_path / "marker")
    async with server, User(server, "alice") as alice:
        name = await alice.started(worker_cmd=NO_NANNY)
        async with gateway(server, "alice") as client, client.connect(name) as cluster:
            await cluster.scale(1)
            async with cluster.get_client(set_as_default=False) as dask:
                result = dask.submit(leave, marker)
                async with asyncio.timeout(60):
                    while "Stopping worker" not in server.log.read_text():
                        await asyncio.sleep(0.05)
                Path(f"{marker}.gone").touch()
                assert MORE_MEMORY in await told_on_scale(cluster, 1)
                assert await result == "done", "by another one"


async def test_a_user_is_told_at_once_that_workers_wait_for_room(
    server: DaskGatewayServer, alice: User
) -> None:
    name = await alice.started(worker_memory=LARGE)
    answer = await alice.http.post(f"{name}/adapt", json={"minimum": 0, "maximum": 2})
    assert answer.json()["ok"], "it has not asked for any yet"
    told = await alice.scale(name, 2)
    assert not told["ok"]
    assert "Workers wait. Each of 2 containers of dask.worker requests" in told["msg"]
    assert "none has room now" in told["msg"]
    assert (await alice.scale(name, 0))["ok"]


async def told_on_scale(cluster: Any, count: int) -> str:
    """The warning of dask-gateway's client, as soon as there is one."""
    async with asyncio.timeout(60):  # YARN's reason comes after the container's end
        while True:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", GatewayWarning)
                await cluster.scale(count)
            if caught:
                return " ".join(str(each.message) for each in caught)


async def test_a_database_that_restarts_fails_nothing(
    hadoop_cluster: HadoopCluster, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    url = f"c.DBBackendBase.db_url = {postgresql.new_database()!r}\n"
    server = DaskGatewayServer(tmp_path / "database", hadoop_cluster, f"{CONFIG}{url}")
    async with server, User(server, "alice") as alice:
        first = await alice.started()
        postgresql.stop()
        postgresql.start()
        second = await alice.started()
        await alice.scale(first, 1)
        eventually(lambda: workers(first), "a worker starts", deadline=60)
        listed = (await alice.http.get("")).json()
        assert {name: each["status"] for name, each in listed.items()} == {
            first: "RUNNING",
            second: "RUNNING",
        }


async def test_a_full_disk_fails_no_cluster_and_refuses_new_ones(
    server: DaskGatewayServer, alice: User
) -> None:
    name = await alice.started()
    with full_disk(server.pid):
        refused = await alice.new()
        assert refused.status_code == 422, refused.text
        assert "cannot write its database" in refused.json()["error"]
        until = asyncio.get_running_loop().time() + 12  # longer than cluster_heartbeat_timeout
        while asyncio.get_running_loop().time() < until:
            assert (await alice.http.get(name)).json()["status"] == "RUNNING"
            await asyncio.sleep(0.5)
        await alice.http.post(f"{name}/scale", json={"count": 1})
    async with asyncio.timeout(60):
        while not workers(name):
            await asyncio.sleep(0.1)
    await alice.started()
    assert len((await alice.http.get("")).json()) == 2


@contextlib.contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """While a process can write nothing."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def test_containers_get_nothing_from_the_server_but_tokens(alice: User, yarn: Client) -> None:
    name = await alice.started()
    container = CurrentContainer.from_environment(variables_of(schedulers(name)[0]))
    assert container is not None
    async with container.application() as application:
        for request in (
            application.get_specification(),
            application.get_containers(),
            application.add_container(WORKER),
            application.scale(WORKER, count=5),
            application.keys.put("key", b"value"),
            application.shutdown(FinalStatus.SUCCEEDED),
        ):
            with pytest.raises(ControlError) as refused:
                await request
            assert refused.value.code is FailureCode.NOT_ALLOWED
    report = await of_cluster(yarn, name)
    assert report.yarn_application_state is YarnApplicationState.RUNNING
    assert report.app_resource_usage.num_used_containers == 1


async def test_a_cluster_of_another_backend_ends_when_it_is_shut_down(
    hadoop_cluster: HadoopCluster, tmp_path: Path, yarn: Client
) -> None:
    server = DaskGatewayServer(tmp_path / "other", hadoop_cluster, CONFIG.replace(OURS, UPSTREAM))
    async with server, User(server, "alice") as alice:
        before = {each.application_id for each in await yarn.applications()}
        name = await alice.started()
        (running,) = [
            each.application_id
            for each in await yarn.applications()
            if each.name == "dask-gateway" and each.application_id not in before
        ]
        await server.kill()
        server.configure(CONFIG)
        await server.start()
        assert (await alice.http.get(name)).json()["status"] == "RUNNING"
        await alice.end_all()
        report = await yarn.wait(running, deadline=60)
        assert report.yarn_application_state is YarnApplicationState.KILLED
        eventually(lambda: not schedulers(name), "its processes end", deadline=60)


def variables_of(pid: int) -> dict[str, str]:
    """The environment of a process."""
    lines = (line.partition("=") for line in processes()[pid][2].splitlines())
    return {name: value for name, _, value in lines}

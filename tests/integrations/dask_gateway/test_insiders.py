"""Users who attack dask-gateway's server with what they can change: options and containers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from e2e.walk import eventually
from integrations.dask_gateway.containers import scheduler_folder
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, of_cluster
from yarnhub.base.errors import ControlError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.application.client import ApplicationClient
from yarnhub.client.client import Client
from yarnhub.control.bootstrap import CERTIFICATE, KEY
from yarnhub.control.messages import FinalStatus
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

MORE = """
c.YarnClusterConfig.cluster_max_workers = 3
c.Backend.cluster_options = Options(
    *c.Backend.cluster_options.fields,
    Mapping("environment"),
    String("worker_memory", default="512 M"),
)
"""
LIES: tuple[dict[str, object], ...] = (
    {"count": -1},
    {"count": 1e300},
    {"count": "1"},
    {"active_workers": {"a": 1}},
    {"closed_workers": [[]]},
    {"scheduler_address": None},
)
IDLE = f"{sys.executable} -c 'import time; time.sleep(600)'"
"""A scheduler's command that does nothing: the test is the scheduler."""
MANY_NETWORKS = Path(__file__).with_name("many_networks.py")


@pytest.fixture
async def server(hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    async with DaskGatewayServer(tmp_path / "gateway", hadoop_cluster, CONFIG + MORE) as server:
        yield server


class Liar:
    """A scheduler of a user's own making, with its cluster's token.

    Args:
        server: The server.
        name: The cluster.
        token: The cluster's token.
    """

    def __init__(self, server: DaskGatewayServer, name: str, token: str) -> None:
        self.token = token
        self.url = f"{server.address}/api/v1/clusters/{name}"
        self.heartbeat: dict[str, Any] = {
            "scheduler_address": "tls://127.0.0.1:9",
            "dashboard_address": "",
            "api_address": "http://127.0.0.1:9",
            "count": 0,
            "active_workers": [],
            "closing_workers": [],
            "closed_workers": [],
        }

    async def says(self, **lies: object) -> httpx.Response:
        """The answer to a heartbeat."""
        return await self.posts(json.dumps({**self.heartbeat, **lies}).encode())

    async def posts(self, content: bytes) -> httpx.Response:
        """The answer to anything instead of a heartbeat."""
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return await http.post(f"{self.url}/heartbeat", content=content, headers=headers)


async def liar(server: DaskGatewayServer, user: User) -> tuple[str, Liar]:
    """A cluster whose scheduler the test is."""
    answer = await user.new(scheduler_cmd=IDLE)
    assert answer.status_code == 201, answer.text
    name = answer.json()["name"]
    token = (await scheduler_folder(name)) / "dask.token"
    return name, Liar(server, name, token.read_text())


@contextlib.asynccontextmanager
async def says(host: str, port: int, text: bytes) -> AsyncIterator[int]:
    """A web server that says one thing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text)
        )
        writer.write(text)
        writer.close()

    async with await asyncio.start_server(answer, host, port) as served:
        yield served.sockets[0].getsockname()[1]


async def test_a_scheduler_that_lies_about_its_address(
    server: DaskGatewayServer, alice: User
) -> None:
    name, scheduler = await liar(server, alice)
    async with (
        says("127.0.0.1", 0, b"the scheduler's") as port,
        says("127.0.0.2", port, b"of others"),
        httpx.AsyncClient(base_url=server.address, trust_env=False) as http,
    ):
        there = f"http://127.0.0.2:{port}"
        for bad in (f"{there}/x", f"https://127.0.0.2:{port}", "file:///etc/passwd", 5):
            assert (await scheduler.says(dashboard_address=bad)).status_code == 422
        assert (await alice.http.get(name)).json()["status"] == "PENDING"
        assert (await scheduler.says(dashboard_address=there)).status_code == 200
        assert (await alice.waited(name)).json()["status"] == "RUNNING"
        async with asyncio.timeout(30):
            while (found := await http.get(f"/clusters/{name}/status")).status_code != 200:
                await asyncio.sleep(0.1)
        assert found.text == "the scheduler's", "the proxy connects to no other machine"


async def test_a_scheduler_that_lies_about_workers(
    server: DaskGatewayServer, alice: User, bob: User
) -> None:
    of_bob = await bob.started()
    await bob.http.post(f"{of_bob}/scale", json={"count": 1})
    log = server.log.read_text
    eventually(lambda: "is running" in log().partition("Created worker")[2], "it", deadline=60)
    worker = server.log.read_text().partition("Created worker ")[2].split()[0]
    _, scheduler = await liar(server, alice)
    for lies in LIES:
        answer = await scheduler.says(**lies)
        assert (answer.status_code, next(iter(lies)) in answer.json()["error"]) == (422, True)
    assert (await scheduler.posts(b"[]")).status_code == 422
    assert (await scheduler.says(count=10**9)).status_code == 200
    eventually(lambda: log().count("Created worker") == 4, "cluster_max_workers", deadline=60)
    foreign = {"closed_workers": [worker], "closing_workers": [worker], "active_workers": [worker]}
    assert (await scheduler.says(count=3, **foreign)).status_code == 200
    of_alice = Liar(server, of_bob, scheduler.token)
    assert (await of_alice.says(count=0, closed_workers=[worker])).status_code == 401
    assert (await scheduler.posts(b" " * (10 << 20))).status_code == 413
    assert (await bob.http.get(of_bob)).json()["status"] == "RUNNING"
    assert f"Stopping worker {worker}" not in server.log.read_text()


async def test_a_node_with_many_networks(server: DaskGatewayServer, alice: User) -> None:
    # Its route to the internet is not the one by which the cluster's nodes reach it.
    name = await alice.started(scheduler_cmd=f"{sys.executable} {MANY_NETWORKS}")
    await alice.http.post(f"{name}/scale", json={"count": 1})
    log = server.log.read_text
    eventually(lambda: "is running" in log().partition("Created worker")[2], "it", deadline=60)


async def test_a_container_only_asks_for_tokens(
    server: DaskGatewayServer, alice: User, hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    name = await alice.started()
    folder = await scheduler_folder(name)
    stored = TokenStorage.read((folder / "container_tokens").read_bytes()).secrets
    env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    async with Client(Settings.from_environment(env)) as yarn:
        report = await of_cluster(yarn, name)
    address = f"{report.host}:{report.rpc_port}"
    pair = Credentials(stored[CERTIFICATE], stored[KEY])
    async with ApplicationClient(str(report.application_id), address, pair) as client:
        for refused in (
            client.shutdown(FinalStatus.SUCCEEDED),
            client.add_container("dask.worker", env={"DASK_GATEWAY_WORKER_NAME": "mine"}),
            client.scale("dask.worker", count=10),
            client.kill_container("dask.scheduler_0"),
            client.get_specification(),
            client.get_containers(),
            client.update_tokens(b""),
            client.set_progress(0.5),
            client.keys.put("a", b""),
        ):
            with pytest.raises(ControlError):
                await refused
        assert (await client.get_tokens()).number >= 0
    assert (await alice.http.get(name)).json()["status"] == "RUNNING"


OPTIONS: tuple[dict[str, object], ...] = (
    {"unknown": 1},
    {"queue": "default; touch /tmp/x"},
    {"queue": "$(id)"},
    {"queue": "a\nb"},
    {"queue": 5},
    {"worker_memory": "x\r\nX-Header: G"},
    {"worker_memory": "inf G"},
    {"worker_memory": "-4 G"},
    {"scheduler_memory": -5},
    {"scheduler_memory": 1 << 80},
    {"scheduler_cmd": "x" * (100 << 10)},
    {"environment": {"A; touch /tmp/x": "b"}},
    {"environment": {"A": 5}},
    {"environment": {"A": None}},
    {"environment": {"A": {"b": "c"}}},
    {"environment": {"A": "a\0b"}},
    {"environment": {"A": "\ud800"}},
    {"environment": ["A"]},
    {"files": {"x": "/etc/passwd"}},
    {"files": {"x": "hdfs:x/../../etc/passwd"}},
    {"files": {"../x": "hdfs:///x"}},
    {"files": {"/etc/x": "hdfs:///x"}},
    {"files": {"x": {"source": "webhdfs://169.254.169.254:80/x", "size": 1, "timestamp": 1}}},
    {"files": {"x": {"source": "hdfs://127.0.0.2:9/x"}}},
    {"files": {"x": "hdfs:///no/such/file"}},
    {"files": {"x": 5}},
    {"files": {"x": {"source": ["a"]}}},
    {"files": {".yarnhub": "hdfs:///x"}},
)


async def test_options_are_refused_in_words(server: DaskGatewayServer, alice: User) -> None:
    for options in OPTIONS:
        content = json.dumps({"cluster_options": options})
        answer = await alice.http.post("", content=content)
        assert answer.status_code == 422, (options, answer.text)
        assert "see the log" not in answer.text, options
    for whole in ([1], "x", 5):
        content = json.dumps({"cluster_options": whole})
        assert (await alice.http.post("", content=content)).status_code == 422
    large = await alice.http.post(
        "", content=b'{"cluster_options": {"queue": "%b"}}' % (b"x" * 10**7)
    )
    assert large.status_code == 413
    many = await alice.new(environment={"A": "b" * (100 << 10)})
    assert (many.status_code, "options" in many.json()["error"]) == (422, True)
    assert (await alice.http.get("")).json() == {}


async def test_a_user_does_not_fill_the_servers_memory(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    config = f"{CONFIG}c.YarnBackend.user_record_limit = 2\n"
    async with (
        DaskGatewayServer(tmp_path / "small", hadoop_cluster, config) as server,
        User(server, "alice") as alice,
        User(server, "bob") as bob,
    ):
        for _ in range(2):
            assert "nowhere" in (await alice.new(queue="nowhere")).json()["error"]
        answer = await alice.new(queue="nowhere")
        assert (answer.status_code, "user_record_limit" in answer.text) == (422, True)
        assert "nowhere" in (await bob.new(queue="nowhere")).json()["error"]


async def test_names_that_the_cluster_would_change(server: DaskGatewayServer) -> None:
    for name in ("hdfs", "YARN", "alice@OTHER", "alice/host", "a b"):
        user = User(server, name)
        async with user.http:
            answer = await user.new()
        assert answer.status_code == 422
        assert name in answer.json()["error"]

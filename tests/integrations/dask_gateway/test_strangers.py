"""Users who know the names of other users' clusters."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth

from integrations.dask_gateway.containers import scheduler_folder
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

UNKNOWN = "0" * 32


@pytest.fixture
async def server(hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    async with DaskGatewayServer(tmp_path / "gateway", hadoop_cluster, CONFIG) as server:
        yield server


async def test_anothers_cluster_is_not_found(
    server: DaskGatewayServer, alice: User, bob: User
) -> None:
    name = await alice.started()
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "?wait", None),
        ("POST", "/scale", {"count": 2}),
        ("POST", "/scale", {"count": "x"}),
        ("POST", "/adapt", {"minimum": 1}),
        ("POST", "/heartbeat", {}),
        ("PUT", "", None),
    ]
    for method, path, body in requests:
        foreign, unknown = [
            await bob.http.request(method, f"{each}{path}", json=body) for each in (name, UNKNOWN)
        ]
        assert 400 <= foreign.status_code < 500
        assert foreign.status_code == unknown.status_code, (method, path)
        assert foreign.text == unknown.text.replace(UNKNOWN, name)
    deleted = await bob.http.delete(name)
    assert (deleted.status_code, "not found" in deleted.json()["error"]) == (404, True)
    for path in (f"{name}%2Fscale", f"{name}%0Aa", f"../clusters/{name}", f"{name.upper()}"):
        answer = await bob.http.get(path)
        assert answer.status_code >= 400, path
        assert "tls_key" not in answer.text
    assert (await bob.http.get("")).json() == {}
    assert (await bob.http.get("", params={"status": "running,failed"})).json() == {}
    model = (await alice.http.get(name)).json()
    assert model["status"] == "RUNNING"
    assert "Created worker" not in server.log.read_text()
    gateway = Gateway(server.address, auth=BasicAuth("bob"), asynchronous=True)
    async with gateway:
        for call in (gateway.get_cluster, gateway.stop_cluster):
            with pytest.raises(ValueError, match=f"{name} not found"):
                await call(name)
        with pytest.raises(ValueError, match=f"{name} not found"):
            await gateway.connect(name)
        with pytest.raises(ValueError, match=f"{name} not found"):
            await gateway.scale_cluster(name, 2)


async def test_the_secrets_of_one_cluster_open_no_other(
    server: DaskGatewayServer, alice: User, bob: User
) -> None:
    name, own = await alice.started(), await bob.started()
    token = ((await scheduler_folder(own)) / "dask.token").read_text()
    others = {"Authorization": f"token {token}"}
    base = f"{server.address}/api/v1/clusters/{name}"
    async with httpx.AsyncClient(trust_env=False) as http:
        for headers in (others, {}, {"Authorization": "token x"}):
            assert (await http.delete(base, headers=headers)).status_code == 401
            heartbeat = await http.post(f"{base}/heartbeat", json={}, headers=headers)
            assert heartbeat.status_code == 401
        # The scheduler's own port, which the node's users and the server can reach.
        with contextlib.closing(sqlite3.connect(server.folder / "gateway.sqlite")) as database:
            query = "SELECT api_address FROM clusters WHERE name = ?"
            ((address,),) = database.execute(query, (name,)).fetchall()
        scaled = await http.post(
            f"{address}/api/comm", json={"op": "scale", "count": 2}, headers=others
        )
        assert scaled.status_code == 403
        routes = await http.get(f"{server.address}/api/v1/routes", headers=others)
        assert routes.status_code == 401
    assert not says_hello(server, name, (await bob.http.get(own)).json())
    assert says_hello(server, own, (await bob.http.get(own)).json())
    assert (await alice.http.get(name)).json()["status"] == "RUNNING"


async def test_the_name_of_a_cluster_opens_its_dashboard(
    server: DaskGatewayServer, alice: User
) -> None:
    # dask-gateway's proxy checks nobody: the page says so, and keeps the name secret.
    name = await alice.started()
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        async with asyncio.timeout(60):  # the proxy is told of it by the server
            while (await http.get(f"/clusters/{name}/status")).status_code != 200:
                await asyncio.sleep(0.1)
        assert (await http.get(f"/clusters/{UNKNOWN}/status")).status_code == 404


def says_hello(server: DaskGatewayServer, name: str, model: dict[str, Any]) -> bool:
    """Whether a scheduler speaks with a holder of a cluster's key, through the proxy."""
    pem = server.folder / "pair.pem"
    pem.write_text(f"{model['tls_cert']}{model['tls_key']}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pem)
    host, _, port = server.proxy_address.removeprefix("gateway://").partition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=f"daskgateway-{name}") as connection,
        ):
            return bool(connection.recv(1))
    except ssl.SSLError:
        return False

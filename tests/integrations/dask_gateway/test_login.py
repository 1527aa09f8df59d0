"""Users of dask-gateway with Kerberos tickets: who is served, as whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from dask_gateway import Gateway

from e2e.tickets import Tickets
from integrations.dask_gateway.server import DaskGatewayServer, services_keytab
from yarnhub.base.errors import AuthenticationError
from yarnhub.integrations.dask_gateway import KerberosAuth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

CONFIG = """
c.DaskGateway.backend_class = "yarnhub.integrations.dask_gateway.YarnBackend"
c.YarnBackend.keytab, c.YarnBackend.principal = {keytab!r}, "dask"
c.DaskGateway.authenticator_class = "yarnhub.integrations.dask_gateway.KerberosAuthenticator"
c.KerberosAuthenticator.keytab = {services!r}
"""


@pytest.fixture
async def server(
    kerberos_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DaskGatewayServer]:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    config = CONFIG.format(
        keytab=str(kerberos_cluster.keytab("dask")),
        services=str(services_keytab(kerberos_cluster)),
    )
    async with DaskGatewayServer(tmp_path / "gateway", kerberos_cluster, config) as server:
        yield server


async def test_who_has_a_ticket_is_served(
    server: DaskGatewayServer, kerberos_cluster: HadoopCluster
) -> None:
    alice = Tickets("alice", kerberos_cluster.keytab("alice"))
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        for header in ("", "Negotiate", "Negotiate YQ==", "Negotiate $", "Basic YWxpY2U6"):
            headers = {"Authorization": header} if header else {}
            answer = await http.get("/api/v1/clusters/", headers=headers)
            assert answer.status_code == 401, header
            assert answer.headers["WWW-Authenticate"] == "Negotiate"
        answer = await http.get("/api/v1/clusters/", auth=alice)
        assert (answer.status_code, answer.json()) == (200, {})
        assert answer.headers["WWW-Authenticate"].startswith("Negotiate ")


async def test_a_refusal_reaches_a_client_that_looks_at_the_proof_first(
    server: DaskGatewayServer, kerberos_cluster: HadoopCluster
) -> None:
    alice = Tickets("alice", kerberos_cluster.keytab("alice"))
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=60) as http:
        body = {"cluster_options": {"unknown": 1}}
        answer = await http.post("/api/v1/clusters/", json=body, auth=alice)
    assert answer.status_code == 422
    assert "unknown" in answer.json()["error"].lower()
    assert answer.headers["WWW-Authenticate"].startswith("Negotiate ")


async def test_a_user_whose_ticket_has_expired_is_told_so(
    server: DaskGatewayServer,
    kerberos_cluster: HadoopCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(*command: str) -> int:
        process = await asyncio.create_subprocess_exec(*command, env=kerberos_cluster.env)
        return await process.wait()

    cache, keytab = f"FILE:{tmp_path / 'ticket'}", str(kerberos_cluster.keytab("alice"))
    monkeypatch.setenv("KRB5CCNAME", cache)
    assert await run("kinit", "-l", "1s", "-k", "-t", keytab, "-c", cache, "alice") == 0
    while await run("klist", "-s", "-c", cache) == 0:
        pass
    async with Gateway(server.address, auth=KerberosAuth(), asynchronous=True) as gateway:
        with pytest.raises(AuthenticationError, match="it has expired: run kinit"):
            await gateway.list_clusters()
        assert await run("kinit", "-k", "-t", keytab, "-c", cache, "alice") == 0
        assert await gateway.list_clusters() == []


async def test_a_secure_cluster_wants_its_users_to_prove_who_they_are(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    keytab = str(kerberos_cluster.keytab("dask"))
    lines = CONFIG.format(keytab=keytab, services="").splitlines(keepends=True)
    config = "".join(line for line in lines if "uthenticator" not in line)
    server = DaskGatewayServer(tmp_path / "gateway", kerberos_cluster, config)
    with pytest.raises(AssertionError, match="would accept every user's name"):
        await server.start()
    await server.stop()

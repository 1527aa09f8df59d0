"""Who a user with a Kerberos ticket is, and who that is on YARN."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import gssapi
import httpx
import pytest

from e2e.tickets import Tickets
from integrations.dask_gateway.containers import of_cluster, scheduler_folder
from integrations.dask_gateway.kerberos_login import CONFIG, OURS, tickets
from integrations.dask_gateway.realms import OTHER, other_realm
from integrations.dask_gateway.realms import of_cluster as realm_of
from integrations.dask_gateway.server import DaskGatewayServer, services_keytab
from integrations.dask_gateway.user import of_cluster as application_of
from yarnhub.base.errors import AccessDeniedError, YarnhubError
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.hadoop.security.kerberos import Keytab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.ids import ApplicationId

pytestmark = pytest.mark.cluster

UPSTREAM = "dask_gateway_server.auth.KerberosAuthenticator"
CLIENTS = {"ours": "yarnhub.integrations.dask_gateway.KerberosAuth", "upstream": "kerberos"}
SCRIPT = Path(__file__).with_name("clusters.py")


@pytest.fixture
def cluster(kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    return kerberos_cluster


def config(cluster: HadoopCluster, services: Path, authenticator: str = OURS) -> str:
    keytab = str(cluster.keytab("dask"))
    return CONFIG.format(keytab=keytab, services=str(services), authenticator=authenticator)


@pytest.fixture
async def server(cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    text = config(cluster, services_keytab(cluster))
    async with DaskGatewayServer(tmp_path / "gateway", cluster, text) as server:
        yield server


async def lists(server: DaskGatewayServer, client: str, env: Mapping[str, str]) -> str:
    """What a user sees who lists clusters in Python."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        SCRIPT,
        server.address,
        CLIENTS[client],
        env=dict(env),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


# --- log-in


@pytest.mark.parametrize("authenticator", [OURS, UPSTREAM], ids=["ours", "upstream"])
async def test_each_client_logs_in_at_each_server(
    cluster: HadoopCluster, tmp_path: Path, authenticator: str
) -> None:
    await cluster.kinit("alice", tmp_path / "ticket")
    env = {**cluster.env, "KRB5CCNAME": f"FILE:{tmp_path / 'ticket'}"}
    text = config(cluster, services_keytab(cluster), authenticator)
    async with DaskGatewayServer(tmp_path / "gateway", cluster, text) as server:
        for client in CLIENTS:
            assert await lists(server, client, env) == "[]\n[]\n", client
        nobody = {**env, "KRB5CCNAME": f"FILE:{tmp_path / 'none'}"}
        assert "run kinit" in await lists(server, "ours", nobody)
        assert "GSSError" in await lists(server, "upstream", nobody)


def negotiate(token: bytes) -> dict[str, str]:
    return {"Authorization": f"Negotiate {base64.b64encode(token).decode()}"}


def token_for(service: str, user: str, keytab: Path) -> bytes:
    """What proves to a service who a user is."""
    credentials = gssapi.Credentials(
        name=gssapi.Name(user, gssapi.NameType.user),
        usage="initiate",
        store={"client_keytab": str(keytab), "ccache": f"MEMORY:{user}"},
    )
    name = gssapi.Name(service, gssapi.NameType.hostbased_service)
    context = gssapi.SecurityContext(name=name, creds=credentials, usage="initiate")
    return bytes(context.step() or b"")


async def test_only_a_valid_ticket_for_this_service_is_accepted(
    cluster: HadoopCluster, server: DaskGatewayServer
) -> None:
    keytab = cluster.keytab("alice")
    valid = token_for("HTTP@localhost", "alice", keytab)
    refused = [
        {},
        {"Authorization": ""},
        {"Authorization": "Negotiate"},
        {"Authorization": "Negotiate a b"},
        {"Authorization": "Negotiate $$$$"},
        {"Authorization": "negotiate YWxpY2U="},
        {"Authorization": "Basic YWxpY2U6"},
        {"Authorization": "token x"},
        negotiate(b"\0"),
        negotiate(valid[:-1]),
        negotiate(valid[:-99] + bytes([valid[-99] ^ 1]) + valid[-98:]),
        negotiate(valid * 20),
        negotiate(b"\x60" * 47_000),
        negotiate(token_for("nm@localhost", "alice", keytab)),
    ]
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        for headers in refused:
            answer = await http.get("/api/v1/clusters/", headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["WWW-Authenticate"] == "Negotiate"
        for path in ("/api/v1/options", "/api/v1/clusters/x", "/api/v1/clusters/x/scale"):
            answer = await http.request("POST" if "scale" in path else "GET", path)
            assert answer.status_code == 401, path
        assert (await http.get("/api/v1/clusters/", headers=negotiate(valid))).status_code == 200
        http.cookies.clear()
        again = await http.get("/api/v1/clusters/", headers=negotiate(valid))
        assert again.status_code == 401, "a recorded token is of no use"
        too_large = await http.get("/api/v1/clusters/", headers=negotiate(b"x" * 100_000))
        assert 400 <= too_large.status_code < 500
        assert (await http.get("/api/health")).status_code == 200


async def test_each_server_has_its_own_keys(
    cluster: HadoopCluster, server: DaskGatewayServer, tmp_path: Path
) -> None:
    realm = realm_of(cluster)
    keys = tmp_path / "second.keytab"
    realm.add(f"HTTP/second.localhost@{realm.name}", keys)
    alice = cluster.keytab("alice")
    first, second = [
        negotiate(token_for(each, "alice", alice))
        for each in ("HTTP@localhost", "HTTP@second.localhost")
    ]
    async with (
        DaskGatewayServer(tmp_path / "second", cluster, config(cluster, keys)) as other,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        for each, headers, status in (
            (server, second, 401),
            (other, first, 401),
            (other, second, 200),
            (server, first, 200),
        ):
            answer = await http.get(f"{each.address}/api/v1/clusters/", headers=headers)
            assert answer.status_code == status
            http.cookies.clear()


async def test_an_expired_ticket_is_told_in_words(
    cluster: HadoopCluster, server: DaskGatewayServer, tmp_path: Path
) -> None:
    cache = tmp_path / "ticket"
    realm_of(cluster).kinit("alice", cluster.keytab("alice"), cache, "-l", "1s")
    env = {**cluster.env, "KRB5CCNAME": f"FILE:{cache}"}
    async with asyncio.timeout(60):
        while "expired" not in (said := await lists(server, "ours", env)):
            pass
    assert said.startswith("AuthenticationError: no valid Kerberos ticket")
    assert said.rstrip().endswith("it has expired: run kinit")


# --- names


async def test_a_user_of_another_realm_is_nobody_here(
    cluster: HadoopCluster, tmp_path: Path
) -> None:
    keys, alice = tmp_path / "both.keytab", tmp_path / "alice.keytab"
    shutil.copy(services_keytab(cluster), keys)
    statuses = {}
    async with other_realm(tmp_path / "other") as other:
        other.add(f"HTTP/localhost@{OTHER}", keys)
        other.add(f"alice@{OTHER}", alice)
        other.kinit(f"alice@{OTHER}", alice, tmp_path / "ticket")
        env = {**other.env, "KRB5CCNAME": f"FILE:{tmp_path / 'ticket'}"}
        for authenticator in (OURS, UPSTREAM):
            text = config(cluster, keys, authenticator)
            folder = tmp_path / authenticator.partition(".")[0]
            async with DaskGatewayServer(folder, cluster, text) as server:
                statuses[authenticator] = await lists(server, "ours", env)
    assert "403" in statuses[OURS]
    # dask-gateway's own cuts the realm off, whichever it is: the page says so.
    assert statuses[UPSTREAM] == "[]\n[]\n"


async def test_names_are_the_clusters(
    cluster: HadoopCluster, server: DaskGatewayServer, tmp_path: Path
) -> None:
    async with tickets(cluster, server, "dask") as dask:
        answer = await dask.post("", json={})
        assert (answer.status_code, "account" in answer.json()["error"]) == (422, True)
    for name, word in (("jupyterhub", "impersonate"), ("hdfs", "denied")):
        async with tickets(cluster, server, name) as http:
            answer = await http.post("", json={})
            assert (answer.status_code, word in answer.json()["error"]) == (422, True), answer.text
    upper = tmp_path / "upper.keytab"
    realm = realm_of(cluster)
    realm.add(f"ALICE@{realm.name}", upper)
    async with tickets(cluster, server, "alice") as alice:
        name = (await alice.post("", json={})).json()["name"]
        async with httpx.AsyncClient(
            base_url=str(alice.base_url), auth=Tickets("ALICE", upper), trust_env=False, timeout=60
        ) as http:
            assert (await http.get("")).json() == {}
            assert (await http.get(name)).status_code == 404
            answer = await http.post("", json={})
            assert (answer.status_code, "impersonate" in answer.text) == (422, True)
        async with tickets(cluster, server, "bob") as bob:
            assert (await bob.get(name)).status_code == 404
        async with tickets(cluster, server, "asmith") as smith:
            assert list((await smith.get("")).json()) == [name], "auth_to_local: asmith is alice"
        await scheduler_folder(name)
        assert set(of_cluster(name, workers=False).values()) == {"alice"}
        assert (await alice.delete(name)).status_code == 204


# --- on YARN


async def test_nobody_else_reads_or_ends_a_clusters_application(
    cluster: HadoopCluster, server: DaskGatewayServer, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = {}
        for user in ("alice", "bob", "dask"):
            env = {**cluster.env, "SKEIN_CONFIG": str(tmp_path / user)}
            login = Keytab(cluster.keytab(user), f"{user}@{cluster.realm}")
            client = Client(Settings.from_environment(env, login))
            clients[user] = await stack.enter_async_context(client)
        alice = await stack.enter_async_context(tickets(cluster, server, "alice"))
        name = (await alice.post("", json={})).json()["name"]
        await scheduler_folder(name)
        report = await application_of(clients["bob"], name)
        number = report.application_id
        assert (report.user, report.host, report.rpc_port) == ("alice", "N/A", -1)
        assert name not in str(report)
        for user in ("bob", "dask"):  # dask has no administrator's rights, and needs none
            with pytest.raises(AccessDeniedError):
                await clients[user].kill(number)
        await read(clients["alice"], number)
        assert not await readable(clients["bob"], number)
        assert (await alice.delete(name)).status_code == 204
        async with asyncio.timeout(60):
            while (await alice.get(name)).json()["status"] != "STOPPED":
                await asyncio.sleep(0.1)
        await read(clients["alice"], number)
        assert not await readable(clients["bob"], number)


async def read(client: Client, number: ApplicationId) -> None:
    """Wait until a user reads an application's logs."""
    async with asyncio.timeout(60):
        while not await readable(client, number):
            await asyncio.sleep(0.1)


async def readable(client: Client, number: ApplicationId) -> bool:
    """Whether a user reads an application's logs."""
    try:
        return bool(await client.log_files(number))
    except YarnhubError:
        return False

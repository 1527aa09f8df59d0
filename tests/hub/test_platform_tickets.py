"""The platform's API with Kerberos tickets, through the proxy of a real hub, on a real cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio

from e2e.tickets import Tickets
from hub.platform_pages import sleeping
from hub.platform_service import HubWithPlatform
from hub.platform_users import client_of, kill_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    kerberos_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithPlatform]:
    keytab = kerberos_cluster.state / "kerberos" / "keytabs" / "services.keytab"
    settings = f"c.Platform.spnego_keytab = {str(keytab)!r}\nc.Platform.spnego_host = 'localhost'\n"
    folder = tmp_path_factory.mktemp("hub")
    async with HubWithPlatform(folder, kerberos_cluster, settings=settings) as hub:
        yield hub


async def test_a_program_acts_as_the_owner_of_its_ticket(
    hub: HubWithPlatform,
    kerberos_cluster: HadoopCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    alice, bob, stranger = (
        Tickets(name, kerberos_cluster.keytab(name)) for name in ("alice", "bob", "dask")
    )
    url = f"{hub.url}/services/platform/api/v1"
    async with (
        client_of(kerberos_cluster, "alice", tmp_path) as yarn,
        httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as api,
    ):
        number = str(await yarn.submit(sleeping("nap")))
        try:
            asked = await api.get(f"/applications/{number}")
            assert asked.status_code == 401
            assert asked.headers["WWW-Authenticate"] == "Bearer, Negotiate"
            shown = await api.get(f"/applications/{number}", auth=alice)
            assert shown.json()["application"]["user"] == "alice"
            assert shown.headers["WWW-Authenticate"].startswith("Negotiate ")
            kill = f"/applications/{number}/kill"
            assert (await api.post(kill, auth=bob)).status_code == 403, "YARN refuses it"
            refused = await api.post(kill, auth=stranger)
            assert refused.status_code == 403
            assert refused.json()["detail"] == "dask is not a user of JupyterHub"
            assert (await api.post(kill, auth=alice)).status_code == 204
        finally:
            await kill_all(yarn)
    recorded = [json.loads(line) for line in hub.audit.read_text().splitlines()]
    assert [(each["event"], each["actor"]) for each in recorded] == [
        ("refuse", "bob"),
        ("kill", "alice"),
    ]

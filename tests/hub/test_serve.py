"""All services of a hub, as `yarnhub init` writes them and `yarnhub serve` starts them."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING

import httpx
import pytest

from hub.hub import NODE, POLL, PROXY
from hub.platform_users import logged_in
from hub.program import Program
from hub.written import PROGRAM, write
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

# The tests' hub has ports of its own and a login, and not all of its users have the services; the
# rest is as written.
OURS = """\
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_ip = c.JupyterHub.hub_connect_ip = "127.0.0.1"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "https://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.Authenticator.allowed_users = {{"alice", "bob"}}
c.YarnSpawner.cmd = "{python} -m yarnspawner.singleuser"
c.YarnSpawner.args = ["--allow-root"]
c.YarnSpawner.mem_limit = "1 G"
c.KernelGateway.port = {gateway}
c.DaskGateway.address = "127.0.0.1:{dask}"
c.DaskProxy.address = "127.0.0.1:{schedulers}"
c.Platform.port = {platform}
c.JupyterHub.services += [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles += [
    {{"name": "admin", "services": ["tests"]}},
    {{
        "name": "analysts",
        "users": ["alice"],
        "scopes": [
            "access:services!service=" + each for each in ("gateway", "dask-gateway", "platform")
        ],
    }},
]

# --- Services
"""
PATHS = (
    "/services/gateway/api/kernels",
    "/services/dask-gateway/api/v1/clusters/",
    "/services/platform/api/v1/applications",
)
DASHBOARD = "/services/dask-gateway/clusters/none/status"
METRICS = "/services/platform/metrics"


@pytest.mark.cluster
@pytest.mark.timeout(400)
async def test_all_services_from_what_init_has_written(
    hadoop_cluster: HadoopCluster, shared_python: Path, tmp_path: Path
) -> None:
    names = ["public", "hub", "api", "gateway", "dask", "schedulers", "platform"]
    ports = choose_ports(names, {})
    url = f"http://127.0.0.1:{ports['public']}"
    password, token = secrets.token_hex(16), secrets.token_hex(16)
    file = tmp_path / "jupyterhub_config.py"
    written = write(hadoop_cluster, file)
    ours = OURS.format(
        **ports,
        url=url,
        password=password,
        token=token,
        python=shared_python,
        proxy=[str(NODE), str(PROXY / "bin" / "configurable-http-proxy")],
    )
    written = written.replace("/var/lib/jupyterhub", str(tmp_path / "state"))
    written, count = re.subn(r'(?m)^    url="https://[^"]+"', f'    url="{url}"', written)
    assert count == 1
    assert "# --- Services\n" in written
    file.touch(0o600)
    file.write_text(written.replace("# --- Services\n", ours))
    (tmp_path / "state").mkdir(0o700)

    command = [str(PROGRAM), "serve", "--config", str(file)]
    environment = {
        **hadoop_cluster.env,
        "PATH": f"{PROGRAM.parent}:{hadoop_cluster.env['PATH']}",
    }
    hub = Program(tmp_path / "hub", command, environment, f"{url}/hub/health")
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        try:
            await hub.start(deadline=100)
            tokens = {user: await token_of(client, token, user) for user in ("alice", "bob")}
            for user, statuses in (("alice", [200, 200, 200]), ("bob", [403, 403, 401])):
                own = {"Authorization": f"token {tokens[user]}"}
                found = [(await client.get(path, headers=own)).status_code for path in PATHS]
                assert found == statuses, f"{user}: {found}\n{hub.tail()}"
                async with logged_in(url, user, password) as browser:
                    page = await browser.get("/services/platform/")
                    assert page.status_code == statuses[0], f"{user}\n{hub.tail()}"
                    # Without a Dask cluster, it says so to those who have logged in.
                    page = await browser.get(DASHBOARD)
                assert page.status_code == (404 if user == "alice" else 403), hub.tail()
                assert ("You have no Dask cluster" in page.text) is (user == "alice")
            assert (await client.get(METRICS)).status_code == 403, "through the proxy"
            own_address = f"http://127.0.0.1:{ports['platform']}{METRICS}"
            assert "yarnhub_platform_watch_age_seconds" in (await client.get(own_address)).text
            await see_the_server(client, token, tokens["alice"])
        finally:
            await hub.stop()


async def token_of(client: httpx.AsyncClient, administrator: str, user: str) -> str:
    """A new token of a user's."""
    headers = {"Authorization": f"token {administrator}"}
    answer = await client.post(f"/hub/api/users/{user}/tokens", headers=headers)
    return str(answer.raise_for_status().json()["token"])


async def see_the_server(client: httpx.AsyncClient, administrator: str, alice: str) -> None:
    """Start a server, and wait until the platform shows it to its user."""
    headers = {"Authorization": f"token {administrator}"}
    own = {"Authorization": f"token {alice}"}
    server = "/hub/api/users/alice/server"
    try:
        (await client.post(server, headers=headers)).raise_for_status()
        progress = await client.get(f"{server}/progress", headers=headers, timeout=90)
        assert '"ready": true' in progress.text, progress.text
        async with asyncio.timeout(60):
            while not await runs_a_server(client, own):
                await asyncio.sleep(POLL)
    finally:
        while (await client.delete(server, headers=headers)).status_code == httpx.codes.ACCEPTED:
            await asyncio.sleep(POLL)


async def runs_a_server(client: httpx.AsyncClient, headers: dict[str, str]) -> bool:
    """Whether the platform shows a server that runs."""
    shown = (await client.get(PATHS[-1], headers=headers)).json()["applications"]
    return any((each["kind"], each["state"]) == ("server", "RUNNING") for each in shown)

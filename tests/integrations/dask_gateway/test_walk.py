"""A Dask cluster's life, with both backends: the configuration of the page on Dask."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.blocks import PROJECT, blocks
from integrations.dask_gateway.environment import kept_in_hdfs, pack
from integrations.dask_gateway.server import OURS, UPSTREAM, DaskGatewayServer, services_keytab
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import YarnApplicationState

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

WALK = Path(__file__).with_name("walk.py")
(PAGE,) = [
    each.text
    for each in blocks(PROJECT / "docs" / "howto" / "dask.md")
    if each.file == "dask_gateway_config.py"
]
HOW = """
c.YarnClusterConfig.scheduler_memory = "512 M"
c.YarnBackend.cluster_heartbeat_period = 2
"""
COMMANDS = """
c.YarnClusterConfig.scheduler_cmd = "python -m distributed.cli.dask_scheduler"
c.YarnClusterConfig.worker_cmd = "python -m distributed.cli.dask_worker"
"""
"""dask-gateway's own backend has the commands of a distributed that is gone by default."""


KEYTAB = "/etc/dask-gateway/dask.keytab"
SECURE = re.compile(r"c\.(\w*\.keytab|\w*\.principal|DaskGateway\.authenticator_class)")
AUTH = "yarnhub.integrations.dask_gateway.KerberosAuth"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("dask"))


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"], ids=["simple", "kerberos"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    found: HadoopCluster = request.getfixturevalue(request.param)
    if found.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", found.env["KRB5_CONFIG"])
    return found


def of_page(cluster: HadoopCluster, backend: str, archive: str) -> str:
    """The page's configuration with the paths, the names and the sizes of a test."""
    changes = {
        OURS: backend,
        "hdfs:///dask-gateway/example.tar.gz": archive,
        '"4 G"': '"512 M"',
        'queue = "dask"': 'queue = "default"',
    }
    if cluster.options.kerberos:
        # The page has one keytab with both keys.
        of_users = 'KerberosAuthenticator.keytab = "{}"'.format
        changes[of_users(KEYTAB)] = of_users(services_keytab(cluster))
        changes[KEYTAB] = str(cluster.keytab("dask"))
    text = PAGE
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    if not cluster.options.kerberos:  # as the page says
        text = "".join(line for line in text.splitlines(True) if not SECURE.match(line))
    return f"{text}{HOW}{COMMANDS if backend == UPSTREAM else ''}"


async def walk(server: DaskGatewayServer, auth: str, variables: dict[str, str]) -> dict[str, Any]:
    """What a user types, in a process of its own; what there was."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        WALK,
        server.address,
        server.proxy_address,
        auth,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, f"{errors.decode()}\n{server.tail(80)}"
    seen: dict[str, Any] = json.loads(out)
    return seen


async def end_of_newest(cluster: HadoopCluster, user: str) -> YarnApplicationState:
    """How a user's newest application has ended, once it has."""
    login = Keytab(cluster.keytab(user), user) if cluster.options.kerberos else None
    settings = Settings.from_environment(cluster.env, login)
    async with Client(settings.acting_for(user)) as yarn, asyncio.timeout(60):
        while True:
            found = await yarn.applications(GetApplicationsRequest(users=(user,)))
            newest = max(found, key=lambda each: each.application_id.id)
            if newest.yarn_application_state.ended:
                return newest.yarn_application_state
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("backend", [OURS, UPSTREAM], ids=["ours", "upstream"])
async def test_a_cluster_from_its_start_to_its_shutdown(
    cluster: HadoopCluster, archive: Path, tmp_path: Path, backend: str
) -> None:
    folder = f"{tmp_path.name}-dask"
    auth, variables = "basic", {**cluster.env}
    if cluster.options.kerberos:
        configuration = Configuration.load(cluster.conf_dir, cluster.env)
        assert configuration.get("yarn.acl.enable") == "true"
        assert configuration.get("yarn.admin.acl") == "yarn", "the server has no such rights"
        await cluster.kinit("alice", tmp_path / "ticket")
        auth, variables["KRB5CCNAME"] = AUTH, f"FILE:{tmp_path / 'ticket'}"
    async with kept_in_hdfs(cluster, archive, folder) as url:
        config = of_page(cluster, backend, f"{url}/{archive.name}")
        async with DaskGatewayServer(tmp_path / "gateway", cluster, config) as server:
            seen = await walk(server, auth, variables)
            state = await end_of_newest(cluster, "alice")
    assert seen["at first"] == seen["at last"] == []
    assert seen["listed"]
    assert seen["sum"] == 328350
    assert seen["dashboard"] == 200
    assert state.name == ("FINISHED" if backend == OURS else "KILLED")
    if cluster.options.kerberos:  # else containers are processes of the NodeManager's user
        assert seen["users"] == ["alice", "alice"]
    if backend == OURS:
        assert seen["threads"] == [2, 2], "as many as worker_cores"
        assert all("/container_" in each for each in seen["spilled to"]), seen["spilled to"]
        assert seen["memory limits"] == [384 << 20] * 2, "less than the container has"

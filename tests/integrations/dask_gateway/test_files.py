"""Files of clusters: an environment that all users share, and files of other users."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tarfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dask_gateway import Gateway, GatewayClusterError

from integrations.dask_gateway.containers import of_cluster, scheduler_folder
from integrations.dask_gateway.environment import kept_in_hdfs
from integrations.dask_gateway.kerberos_login import CONFIG, OURS, tickets
from integrations.dask_gateway.server import DaskGatewayServer, services_keytab
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.integrations.dask_gateway import KerberosAuth
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.yarn.records.applications import ApplicationReport

pytestmark = pytest.mark.cluster

OPTIONS = """
c.Backend.cluster_options = Options(Mapping("files", target="localize_files"))
"""


@pytest.fixture
def cluster(kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    return kerberos_cluster


@pytest.fixture
async def server(cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[DaskGatewayServer]:
    text = CONFIG.format(
        keytab=str(cluster.keytab("dask")),
        services=str(services_keytab(cluster)),
        authenticator=OURS,
    )
    async with DaskGatewayServer(tmp_path / "gateway", cluster, text + OPTIONS) as server:
        yield server


def settings_of(cluster: HadoopCluster, user: str) -> Settings:
    return Settings.from_environment(cluster.env, Keytab(cluster.keytab(user), user))


@contextlib.asynccontextmanager
async def file_system(cluster: HadoopCluster, user: str) -> AsyncIterator[FileSystem]:
    """HDFS as a user."""
    settings = settings_of(cluster, user)
    async with open_file_system("", settings.configuration, settings.user) as hdfs:
        yield hdfs


def packed(folder: Path, name: str) -> Path:
    """An archive with one file, `mark`."""
    (folder / "mark").write_text(name)
    with tarfile.open(folder / name, "w:gz") as archive:
        archive.add(folder / "mark", "mark")
    return folder / name


async def left(yarn: Client) -> list[ApplicationReport]:
    """The user's Dask clusters on YARN that have not ended."""
    found = await yarn.applications(GetApplicationsRequest(users=(yarn.user_name,)))
    return [
        each
        for each in found
        if "dask-gateway" in each.application_tags and not each.yarn_application_state.ended
    ]


def left_by(server: DaskGatewayServer) -> list[Path]:
    """The applications that the server would hold again."""
    return [
        each
        for each in (server.folder / "yarn-applications").rglob("*")
        if "application_" in each.name
    ]


async def test_a_public_environment_is_unpacked_once_for_all_users_of_a_node(
    cluster: HadoopCluster, server: DaskGatewayServer, tmp_path: Path
) -> None:
    archive = packed(tmp_path, f"{uuid.uuid4()}.tar.gz")
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(kept_in_hdfs(cluster, archive, tmp_path.name))
        files = {"environment": {"source": f"{url}/{archive.name}", "visibility": "public"}}
        for user in ("alice", "bob", "alice"):
            http = await stack.enter_async_context(tickets(cluster, server, user))
            answer = await http.post("", json={"cluster_options": {"files": files}})
            assert answer.status_code == 201, answer.text
            folder = await scheduler_folder(answer.json()["name"])
            assert (folder / "environment" / "mark").read_text() == archive.name
        # Folders of earlier containers may be deleted meanwhile.
        folders = [Path(each) for each, _, _ in os.walk(cluster.state)]
        copies = [each for each in folders if each.name == archive.name]
        assert len(copies) == 1, copies
        assert copies[0].parent.parent.name == "filecache"


DENIED = r"Permission denied: user=alice|not publicly accessible"


@pytest.mark.parametrize("owner", ["bob", "dask"])
async def test_a_private_environment_is_for_its_owner_only(
    cluster: HadoopCluster,
    server: DaskGatewayServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
) -> None:
    archive = packed(tmp_path, "environment.tar.gz")
    await cluster.kinit("alice", tmp_path / "ticket")
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'ticket'}")
    async with contextlib.AsyncExitStack() as stack:
        hdfs = await stack.enter_async_context(file_system(cluster, owner))
        home = f"{await hdfs.home()}/{tmp_path.name}"
        stack.push_async_callback(hdfs.delete, home, recursive=True)
        sources: list[dict[str, Any]] = []
        for at, mode, of_file in (("a", 0o755, 0o600), ("b", 0o700, 0o644)):
            await hdfs.make_directory(f"{home}/{at}", mode)
            status = await hdfs.upload(archive, f"{home}/{at}/{archive.name}", of_file)
            known = {"size": status.length, "timestamp": status.modification_time}
            for visibility in ("application", "public"):
                source = {"source": status.path, "visibility": visibility}
                sources += [source, {**source, **known}]
        gateway = await stack.enter_async_context(
            Gateway(server.address, auth=KerberosAuth(), asynchronous=True)
        )
        for source in sources:
            # By the server if HDFS shows alice no file there, else by the node.
            with pytest.raises((ValueError, GatewayClusterError), match=DENIED):
                await gateway.new_cluster(files={"environment": source})
        assert await gateway.list_clusters() == []
        yarn = await stack.enter_async_context(Client(settings_of(cluster, "alice")))
        async with asyncio.timeout(30):
            while await left(yarn) or left_by(server):
                await asyncio.sleep(0.1)
        # The owner's cluster has it.
        if owner == "bob":
            http = await stack.enter_async_context(tickets(cluster, server, owner))
            answer = await http.post(
                "", json={"cluster_options": {"files": {"environment": sources[0]}}}
            )
            name = answer.json()["name"]
            folder = await scheduler_folder(name)
            assert (folder / "environment" / "mark").read_text() == archive.name
            assert set(of_cluster(name, workers=False).values()) == {owner}
            assert left_by(server)

"""The NameNode's delegation tokens, and hdfs-native with Kerberos and privacy."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filesystem.contract import closed_port, read_all
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.client.access.trust import SiteTrust
from yarnhub.filesystem import delegation
from yarnhub.filesystem.delegation import NameNodeTokens, hdfs_token_service
from yarnhub.filesystem.hdfs import HdfsFileSystem
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.kerberos import Keytab, TicketCache
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser, User
from yarnhub.hadoop.trust import system
from yarnhub.hadoop.wire.identifiers import HDFS

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster
    from yarnhub.hadoop.trust import TrustSource


@pytest.fixture
def secure(kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
    return Configuration.load(kerberos_cluster.conf_dir)


@pytest.fixture
def trust(kerberos_cluster: HadoopCluster) -> TrustSource:
    return SiteTrust(folder=kerberos_cluster.conf_dir)


def keytab(cluster: HadoopCluster, name: str) -> Keytab:
    return Keytab(cluster.keytab(name), f"{name}@{cluster.realm}")


def renewer(configuration: Configuration) -> str:
    principal = configuration.get("yarn.resourcemanager.principal")
    assert principal is not None
    return principal


async def round_trip(
    configuration: Configuration, user: User, kind: type, trust: TrustSource = system
) -> None:
    path = "/user/alice/delegation-test"
    async with open_file_system("", configuration, user, trust=trust) as fs:
        assert type(fs) is kind
        try:
            assert (await fs.write(path, b"secret" * 100_000)).owner == "alice"
            assert await read_all(fs, path) == b"secret" * 100_000
        finally:
            await fs.delete(path)


@pytest.mark.cluster
async def test_a_keytab(kerberos_cluster: HadoopCluster, secure: Configuration) -> None:
    user = KerberosUser(keytab(kerberos_cluster, "alice"))
    await round_trip(secure, user, HdfsFileSystem)


@pytest.mark.cluster
async def test_a_ticket_cache(kerberos_cluster: HadoopCluster, secure: Configuration) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "tickets"
        await kerberos_cluster.kinit("alice", cache)
        await round_trip(secure, KerberosUser(TicketCache(str(cache))), HdfsFileSystem)


@pytest.mark.cluster
async def test_another_one_with_a_ticket(
    kerberos_cluster: HadoopCluster, secure: Configuration
) -> None:
    user = KerberosUser(keytab(kerberos_cluster, "bob"))
    async with open_file_system("", secure, user) as fs:
        with pytest.raises(AccessDeniedError, match="user=bob, access=WRITE"):
            await fs.write("/user/alice/delegation-test", b"")


@pytest.mark.cluster
@pytest.mark.parametrize(("login", "name"), [("alice", None), ("jupyterhub", "alice")])
async def test_a_token(
    kerberos_cluster: HadoopCluster,
    secure: Configuration,
    trust: TrustSource,
    login: str,
    name: str | None,
) -> None:
    user = KerberosUser(keytab(kerberos_cluster, login), name)
    token = await NameNodeTokens("", secure).fetch(user, renewer(secure))
    _, port = kerberos_cluster.name_node_address
    assert (token.kind, token.service) == (HDFS, f"127.0.0.1:{port}")
    await round_trip(secure, TokenUser(token), WebHdfsFileSystem, trust)


@pytest.mark.cluster
async def test_no_token_for_whom_the_login_may_not_act(
    kerberos_cluster: HadoopCluster, secure: Configuration
) -> None:
    user = KerberosUser(keytab(kerberos_cluster, "bob"), "alice")
    with pytest.raises(AccessDeniedError, match=r"bob@.* is not allowed to impersonate alice"):
        await NameNodeTokens("", secure).fetch(user, renewer(secure))


@pytest.mark.cluster
async def test_no_token_without_security(hadoop_cluster: HadoopCluster) -> None:
    configuration = Configuration.load(hadoop_cluster.conf_dir)
    with pytest.raises(ConfigurationError, match="issues no delegation tokens"):
        await NameNodeTokens("", configuration).fetch(SimpleUser("alice"), "yarn")


async def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    once = RpcOptions(retry=RetryPolicy(attempts=1))
    monkeypatch.setattr(delegation, "name_node_options", lambda _: once)
    url = f"hdfs://127.0.0.1:{closed_port()}"
    with pytest.raises(ConnectError, match=r"127.0.0.1"):
        await NameNodeTokens(url, {}).fetch(SimpleUser("a"), "yarn")


async def test_the_service_of_a_token() -> None:
    single = find_name_nodes("hdfs://localhost:9000", {})
    assert await hdfs_token_service(single, Address("localhost", 9000), {}) == "127.0.0.1:9000"
    by_name = {"hadoop.security.token.service.use_ip": "false"}
    assert await hdfs_token_service(single, Address("localhost", 9000), by_name) == "localhost:9000"
    pair = find_name_nodes(
        "hdfs://pair", {"dfs.ha.namenodes.pair": "a", "dfs.namenode.rpc-address.pair.a": "one"}
    )
    assert await hdfs_token_service(pair, Address("one", 8020), {}) == "ha-hdfs:pair"
    with pytest.raises(ConnectError, match=r"nowhere.invalid has no IPv4 address"):
        await hdfs_token_service(single, Address("nowhere.invalid", 9000), {})


@pytest.mark.cluster
async def test_a_token_that_has_ended_proves_nothing(
    kerberos_cluster: HadoopCluster, secure: Configuration, trust: TrustSource
) -> None:
    login = KerberosUser(keytab(kerberos_cluster, "alice"))
    name_node = NameNodeTokens("", secure)
    token = await name_node.fetch(login, renewer(secure))
    await name_node.cancel(login, token)
    async with open_file_system("", secure, TokenUser(token), trust=trust) as fs:
        with pytest.raises(AuthenticationError, match=r"InvalidToken.*can't be found in cache"):
            await fs.status("/user/alice")

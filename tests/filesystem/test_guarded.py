"""hdfs-native before NameNodes that are none, on clusters with Kerberos."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from filesystem.contract import closed_port
from hadoop.server import KERBEROS_OFFER, SIMPLE_OFFER, Peer, answer, sasl, serving, token_offer
from hadoop.tickets import Ticket
from yarnhub.base.errors import AuthenticationError, ConfigurationError, ConnectError
from yarnhub.filesystem.guarded import GuardedNameNodes
from yarnhub.filesystem.hdfs import HdfsFileSystem
from yarnhub.filesystem.name_node import NameService
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.wire.headers import SaslAuth, SaslMessage, SaslState

if TYPE_CHECKING:
    from pathlib import Path

    from hadoop.server import Server
    from yarnhub.cluster import HadoopCluster
    from yarnhub.filesystem.port import FileSystem

NAME_NODE = replace(KERBEROS_OFFER, protocol="nn")


@dataclass
class FalseNameNode(Peer):
    """Notes what it is told, and says that all is well whatever it gets."""

    received: list[SaslMessage] = field(default_factory=list)

    def _sasl(self, message: SaslMessage) -> bytes:
        self.received.append(message)
        if message.state is SaslState.NEGOTIATE:
            return sasl(SaslState.NEGOTIATE, auths=self.offers)
        return sasl(SaslState.SUCCESS)


def properties(*ports: int, **changes: str) -> dict[str, str]:
    found = {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.auth_to_local": "RULE:[1:$1]",
        "hadoop.rpc.protection": "privacy",
        "dfs.namenode.kerberos.principal": "nn/_HOST@EXAMPLE.COM",
        "fs.defaultFS": f"hdfs://127.0.0.1:{ports[0]}",
    }
    if len(ports) > 1:
        found["fs.defaultFS"] = "hdfs://pair"
        found["dfs.ha.namenodes.pair"] = "a,b"
        for name, port in zip("ab", ports, strict=True):
            found[f"dfs.namenode.rpc-address.pair.{name}"] = f"127.0.0.1:{port}"
    return found | changes


def opened(found: dict[str, str]) -> FileSystem:
    return open_file_system("", found, KerberosUser(Ticket()), deadline=10)


def states(server: Server) -> list[SaslState]:
    """What false NameNodes were sent."""
    received = [peer.received for peer in server.peers if isinstance(peer, FalseNameNode)]
    return [message.state for each in received for message in each]


def check_told_nothing(server: Server) -> None:
    for peer in server.peers:
        assert peer.context is None, "it was told who the user is"
        assert not peer.calls, "it was asked something"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No ticket, no token and no proxy from the environment."""
    for name in ("HADOOP_PROXY_USER", "HADOOP_TOKEN_FILE_LOCATION", "HADOOP_USER_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        (
            (SIMPLE_OFFER,),
            "the server accepts SIMPLE; the client has a Kerberos ticket. The server does",
        ),
        ((SIMPLE_OFFER, token_offer()), "the server accepts SIMPLE, TOKEN/DIGEST-MD5"),
        ((), "the server accepts nothing"),
        (
            (replace(NAME_NODE, protocol="hive"),),
            "principal is hive/localhost, the configuration expects nn/localhost@EXAMPLE.COM",
        ),
        ((replace(NAME_NODE, server_id="elsewhere"),), "principal is nn/elsewhere"),
    ],
)
async def test_a_false_name_node_gets_neither_a_user_nor_a_call(
    offers: tuple[SaslAuth, ...], reason: str
) -> None:
    async with (
        serving(make=lambda: FalseNameNode(offers=offers)) as server,
        opened(properties(server.address.port)) as file_system,
    ):
        with pytest.raises(AuthenticationError, match=reason) as caught:
            await file_system.list("/user/alice")
        assert str(server.address) in str(caught.value)
    check_told_nothing(server)
    assert states(server) == [SaslState.NEGOTIATE]


async def test_an_offer_of_simple_beside_kerberos_is_not_taken() -> None:
    make = lambda: FalseNameNode(offers=(SIMPLE_OFFER, NAME_NODE))  # noqa: E731
    async with (
        serving(make=make) as server,
        opened(properties(server.address.port)) as file_system,
    ):
        with pytest.raises(AuthenticationError):
            await file_system.list("/user/alice")
    check_told_nothing(server)


async def test_both_of_a_pair_are_held_to_it() -> None:
    make = lambda: FalseNameNode(offers=(SIMPLE_OFFER,))  # noqa: E731
    async with serving(make=make) as one, serving(make=make) as two:
        async with opened(properties(one.address.port, two.address.port)) as file_system:
            with pytest.raises(AuthenticationError, match="the server accepts SIMPLE"):
                await file_system.write("/user/alice/x", b"x")
        assert one.peers
        assert two.peers
    check_told_nothing(one)
    check_told_nothing(two)


async def test_simple_is_taken_where_the_configuration_allows_it() -> None:
    allowed = {
        "ipc.client.fallback-to-simple-auth-allowed": "true",
        "hadoop.rpc.protection": "authentication",
    }
    nothing = lambda call: answer(call.call_id, b"")  # noqa: E731
    async with (
        serving(make=lambda: Peer(nothing, (SIMPLE_OFFER,))) as server,
        opened(properties(server.address.port, **allowed)) as file_system,
    ):
        assert await file_system.status("/user") is None
        assert [call.method for call in server.peers[-1].calls] == ["getFileInfo"]


async def test_another_user_of_the_machine_takes_no_connection_and_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(make=lambda: FalseNameNode(offers=(NAME_NODE,))) as server:
        service = NameService(uri="hdfs://x", rpc=(server.address,), web=())
        guarded = GuardedNameNodes(service, "nn/_HOST@EXAMPLE.COM", RpcOptions())
        await guarded.start()
        (port,) = (each.port for each in guarded.of(service).rpc)
        user = os.geteuid()
        with monkeypatch.context() as other:
            other.setattr(os, "geteuid", lambda: user + 1)
            for _ in range(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
        assert (server.peers, guarded.trouble) == ([], None)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        while not server.peers:
            await asyncio.sleep(0.01)
        writer.close()
        guarded.close()


async def test_a_closed_port_is_told_as_ever() -> None:
    port = closed_port()
    async with opened(properties(port)) as file_system:
        with pytest.raises(ConnectError, match=f"cannot look at .*127.0.0.1:{port}"):
            await file_system.status("/")


def test_without_a_principal_nobody_can_be_proven() -> None:
    found = properties(1)
    del found["dfs.namenode.kerberos.principal"]
    with pytest.raises(ConfigurationError, match=r"dfs\.namenode\.kerberos\.principal is not set"):
        opened(found)


@pytest.mark.cluster
async def test_a_success_that_comes_too_early_is_none(
    kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
    configuration = Configuration.load(kerberos_cluster.conf_dir)
    user = KerberosUser(Keytab(kerberos_cluster.keytab("alice"), f"alice@{kerberos_cluster.realm}"))
    async with serving(make=lambda: FalseNameNode(offers=(NAME_NODE,))) as server:
        url = f"hdfs://localhost:{server.address.port}"
        async with open_file_system(url, configuration, user, deadline=30) as file_system:
            assert isinstance(file_system, HdfsFileSystem)
            with pytest.raises(AuthenticationError, match="ended the exchange before"):
                await file_system.list("/user/alice")
    assert states(server) == [SaslState.NEGOTIATE, SaslState.INITIATE]
    check_told_nothing(server)


@pytest.mark.cluster
async def test_the_true_name_node_answers_behind_the_guard(
    kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
    configuration = Configuration.load(kerberos_cluster.conf_dir)
    user = KerberosUser(Keytab(kerberos_cluster.keytab("alice"), f"alice@{kerberos_cluster.realm}"))
    async with open_file_system("", configuration, user) as file_system:
        home = await file_system.home()
        written = await file_system.write(f"{home}/guarded", bytes(300_000))
        assert written.path == f"{home}/guarded"
        assert written in await file_system.list(home)
        assert sum([len(chunk) async for chunk in file_system.read(written.path)]) == 300_000
        await file_system.delete(written.path)

"""hdfs-native against a real NameNode and DataNode."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from filesystem.contract import FileSystemContract, closed_port, silent_server
from yarnhub.base.errors import ConfigurationError, ConnectError, DeadlineExceededError
from yarnhub.filesystem import hdfs
from yarnhub.filesystem.hdfs import (
    HdfsFileSystem,
    _translate,
    check_no_proxy,
    native_user_name,
    settings_of,
)
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.security.users import SimpleUser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.conf import Configuration


@pytest.fixture
async def fs(
    configuration: Configuration, base: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FileSystem]:
    # hdfs-native takes the name of a user from here, and from nowhere else.
    monkeypatch.setenv("HADOOP_USER_NAME", "alice")
    async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
        assert isinstance(file_system, HdfsFileSystem)
        yield file_system


@pytest.fixture
async def stranger(configuration: Configuration) -> AsyncIterator[FileSystem]:
    async with open_file_system("", configuration, SimpleUser("bob")) as file_system:
        yield file_system


@pytest.mark.cluster
class TestHdfs(FileSystemContract):
    async def test_files_belong_to_the_user(self, fs: FileSystem, base: str) -> None:
        assert (await fs.write(f"{base}/a", b"")).owner == "alice"
        assert await fs.home() == f"{fs.uri}/user/alice"

    async def test_a_file_of_many_blocks(
        self, configuration: Configuration, fs: FileSystem, base: str
    ) -> None:
        data = bytes(range(256)) * 4096 * 3 + b"end"
        await fs.write(f"{base}/a", data)
        assert b"".join([chunk async for chunk in fs.read(f"{base}/a", 5)]) == data[5:]


def open_at(port: int, *, deadline: float = 60.0) -> FileSystem:
    return open_file_system(
        f"hdfs://localhost:{port}", {}, SimpleUser(native_user_name()), deadline=deadline
    )


async def test_a_closed_port_is_told_at_once() -> None:
    port = closed_port()
    async with open_at(port) as fs, asyncio.timeout(20):
        with pytest.raises(ConnectError, match=f"cannot connect to localhost:{port}"):
            await fs.status("/a")
        with pytest.raises(ConnectError, match=f"localhost:{port}"):
            await fs.write("/a", b"x")
        with pytest.raises(ConnectError, match=f"localhost:{port}"):
            await anext(fs.read("/a"))


async def test_both_of_a_pair_are_tried_and_named() -> None:
    one, two = closed_port(), closed_port()
    properties = {
        "fs.defaultFS": "hdfs://pair",
        "dfs.ha.namenodes.pair": "nn1,nn2",
        "dfs.namenode.rpc-address.pair.nn1": f"localhost:{one}",
        "dfs.namenode.rpc-address.pair.nn2": f"localhost:{two}",
    }
    fs = open_file_system("", properties, SimpleUser(native_user_name()))
    async with fs, asyncio.timeout(20):
        with pytest.raises(ConnectError, match=f"localhost:{one} or localhost:{two}"):
            await fs.list("/")


async def test_a_host_that_does_not_exist() -> None:
    user = SimpleUser(native_user_name())
    async with open_file_system("hdfs://namenode.invalid:9000", {}, user) as fs:
        with pytest.raises(ConnectError, match=r"namenode\.invalid:9000"):
            await fs.status("/")


async def test_a_name_node_that_hangs_ends_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hdfs, "CLEAN_UP_TIMEOUT", 0.05)
    async with silent_server() as port, open_at(port, deadline=0.1) as fs:
        with pytest.raises(DeadlineExceededError, match=f"localhost:{port}.* within 0.1 s"):
            await fs.status("/a")
        with pytest.raises(DeadlineExceededError):
            await fs.write("/a", b"x")


async def test_cancelling_a_call_ends_it() -> None:
    async with silent_server() as port, open_at(port) as fs:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await fs.list("/a")


def test_the_users_name_is_that_which_hdfs_native_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "carol")
    assert native_user_name() == "carol"
    monkeypatch.delenv("HADOOP_USER_NAME")
    assert native_user_name() != "carol"


def test_a_proxy_user_behind_our_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HADOOP_PROXY_USER", raising=False)
    check_no_proxy()
    monkeypatch.setenv("HADOOP_PROXY_USER", "carol")
    with pytest.raises(ConfigurationError, match="HADOOP_PROXY_USER is set to 'carol'"):
        check_no_proxy()


def test_only_known_keys_are_handed_on() -> None:
    properties = {
        "dfs.data.transfer.protection": "privacy",
        "dfs.client.failover.max.attempts": "15",
        "some.secret": "x",
    }
    service = find_name_nodes("hdfs://localhost:9000", properties)
    assert settings_of(properties, service) == {
        "dfs.data.transfer.protection": "privacy",
        "dfs.client.failover.max.attempts": "0",
        "hadoop.security.authentication": "simple",
    }


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            RuntimeError(r'RPCError("org.apache.hadoop.security.AccessControlException", '
                         r'"Permission denied: inode=\"/\"\n\tat x.Y")'),
            "AccessDeniedError",
            'cannot read hdfs://h:1/a: Permission denied: inode="/"',
        ),
        (
            RuntimeError('RPCError("org.apache.hadoop.ipc.StandbyException", "not me")'),
            "StandbyError",
            "cannot read hdfs://h:1/a: not me",
        ),
        (
            RuntimeError('GSSAPIError(x, 0, "no ticket")'),
            "AuthenticationError",
            "refused the connection",
        ),
        (
            RuntimeError(r'FatalRPCError("org.apache.hadoop.security.AccessControlException", '
                         r'"SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]")'),
            "AuthenticationError",
            "requires Kerberos",
        ),
        (
            RuntimeError('RPCError("org.apache.hadoop.hdfs.protocol.AclException", "The ACL '
                         'operation has been rejected.  Support for ACLs has been disabled by '
                         'setting dfs.namenode.acls.enabled to false.")'),
            "AclsUnavailableError",
            "has been disabled by setting dfs.namenode.acls.enabled to false",
        ),
        (RuntimeError("ChecksumError"), "FileSystemError", "ChecksumError"),
        (OSError("RPC listener disconnected"), "ConnectionLostError", "h:1"),
        (FileNotFoundError("/a"), "PathNotFoundError", "does not exist"),
        (FileExistsError("/a\n\tat x"), "PathExistsError", "cannot read hdfs://h:1/a: /a"),
    ],
)  # fmt: skip
def test_errors_of_hdfs_native(error: OSError | RuntimeError, kind: str, message: str) -> None:
    service = find_name_nodes("hdfs://h:1", {})
    translated = _translate(error, "read", service, "hdfs://h:1/a")
    assert type(translated).__name__ == kind
    assert message in str(translated)
    assert "\n" not in str(translated)

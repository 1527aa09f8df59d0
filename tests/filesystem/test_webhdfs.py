"""WebHDFS against a real NameNode and DataNode, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest

from filesystem.contract import FileSystemContract, closed_port, read_all, silent_server
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.filesystem.acl import AclEntry, AclKind
from yarnhub.filesystem.errors import AclsUnavailableError
from yarnhub.filesystem.hdfs import native_user_name
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken, UserName, WebHdfsRequests
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.conf import Configuration


@pytest.fixture
async def fs(configuration: Configuration, base: str) -> AsyncIterator[FileSystem]:
    async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
        assert isinstance(file_system, WebHdfsFileSystem)
        yield file_system


@pytest.fixture
async def stranger(configuration: Configuration) -> AsyncIterator[FileSystem]:
    async with open_file_system("", configuration, SimpleUser("bob")) as file_system:
        yield file_system


@pytest.mark.cluster
class TestWebHdfs(FileSystemContract):
    async def test_files_belong_to_the_user(self, fs: FileSystem, base: str) -> None:
        assert (await fs.write(f"{base}/a", b"")).owner == "alice"
        assert await fs.home() == f"{fs.uri}/user/alice"

    async def test_a_proxy_user(self, configuration: Configuration, base: str) -> None:
        user = SimpleUser("alice", real=native_user_name())
        async with open_file_system("", configuration, user) as fs:
            assert (await fs.write(f"{base}/a", b"")).owner == "alice"

    async def test_a_user_of_an_odd_name(self, configuration: Configuration, base: str) -> None:
        # dfs.webhdfs.user.provider.user.pattern lets no odder ones in by default.
        name = "user$"
        superuser = SimpleUser(native_user_name())
        async with open_file_system("", configuration, superuser) as fs:
            await fs.make_directory(f"{base}/all", 0o777)
        service = find_name_nodes("", configuration)
        theirs = WebHdfsFileSystem(service.uri, service.web, UserName(name))
        written = await theirs.write(f"{base}/all/a", b"content")
        assert written.owner == name
        assert await read_all(theirs, f"{base}/all/a") == b"content"

    async def test_an_upload_that_broke_off_is_deleted_later(
        self, fs: WebHdfsFileSystem, base: str
    ) -> None:
        await fs.make_directory(f"{base}/.a.12345678._COPYING_")
        web, fs.requests._web = fs.requests._web, (f"http://localhost:{closed_port()}",)
        await fs._partials.discard(f"{base}/.a.12345678._COPYING_")
        fs.requests._web = web
        assert len(await fs.list(base)) == 1
        await fs.write(f"{base}/b", b"")
        assert [status.path for status in await fs.list(base)] == [f"{fs.uri}{base}/b"]

    async def test_a_proxy_user_who_may_not(self, configuration: Configuration) -> None:
        user = SimpleUser("alice", real="bob")
        async with open_file_system("", configuration, user) as fs:
            with pytest.raises(AccessDeniedError, match="bob is not allowed to impersonate alice"):
                await fs.status("/")


def at(*ports: int, deadline: float = 60.0) -> WebHdfsFileSystem:
    web = [f"http://localhost:{port}" for port in ports]
    return WebHdfsFileSystem("hdfs://h:1", web, UserName("alice"), deadline=deadline)


@contextlib.asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Gives these answers, one per connection, in turn; the port and the requests' first lines."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readline())
        while await reader.readline() not in {b"\r\n", b""}:
            pass
        writer.write(answers[min(len(seen), len(answers)) - 1])
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1], seen
    finally:
        listener.close()
        await listener.wait_closed()


def http(status: str, body: str = "", kind: str = "application/json", more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n{more}\r\n{body}"
    ).encode()


def refusal(java_class: str, message: str) -> str:
    return f'{{"RemoteException":{{"javaClassName":"{java_class}","message":"{message}"}}}}'


STANDBY = http("403 Forbidden", refusal("org.apache.hadoop.ipc.StandbyException", "standby"))
HOME = http("200 OK", '{"Path":"/user/alice"}')


async def test_a_closed_port_is_told_at_once() -> None:
    port = closed_port()
    async with at(port) as fs, asyncio.timeout(20):
        with pytest.raises(ConnectError, match=f"cannot connect to localhost:{port}"):
            await fs.status("/a")
        with pytest.raises(ConnectError, match=f"localhost:{port}"):
            await fs.write("/a", b"x")


async def test_a_server_that_hangs_ends_at_the_deadline() -> None:
    async with silent_server() as port, at(port, deadline=0.1) as fs:
        with pytest.raises(DeadlineExceededError, match=r"hdfs://h:1/a: no response within 0.1 s"):
            await fs.status("/a")


async def test_the_active_one_of_a_pair_is_found_and_remembered() -> None:
    async with (
        server(STANDBY) as (standby, at_standby),
        server(HOME) as (active, at_active),
        at(closed_port(), standby, active) as fs,
    ):
        assert await fs.home() == "hdfs://h:1/user/alice"
        assert await fs.home() == "hdfs://h:1/user/alice"
    assert (len(at_standby), len(at_active)) == (1, 2)


async def test_a_token_is_sent_and_in_no_log_or_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = DelegationToken(Token(b"who", b"password", "HDFS_DELEGATION_TOKEN", "1.2.3.4:8020"))
    secret = token.parameters()["delegation"]
    async with server(HOME, http("500 Oops", "<html>", "text/html")) as (port, seen):
        web = [f"http://localhost:{port}"]
        async with WebHdfsFileSystem("hdfs://h:1", web, token) as fs:
            await fs.home()
            with pytest.raises(YarnhubError) as caught:
                await fs.home()
    assert secret.encode() in seen[0]
    assert secret not in caplog.text
    assert secret not in str(caught.value)
    assert "password" not in repr(token)


async def test_spnego_is_refused_in_words() -> None:
    answer = http("401 Unauthorized", "<html>", "text/html")
    async with server(answer) as (port, _), at(port) as fs:
        with pytest.raises(AuthenticationError, match=r"SPNEGO.*delegation token"):
            await fs.status("/a")


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        http("200 OK", "{"),
        http("200 OK", "[]"),
        http("200 OK", "null"),
        http("200 OK", '{"FileStatus":{}}'),
        http("200 OK", '{"FileStatus":{"type":"FILE","pathSuffix":"","length":"x",'
             '"modificationTime":1,"owner":"a","permission":"644"}}'),
        http("403 Forbidden", "{}"),
        http("404 Not Found", "[1]"),
    ],
)  # fmt: skip
async def test_answers_that_are_none(answer: bytes) -> None:
    async with server(answer) as (port, _), at(port) as fs:
        with pytest.raises(RemoteProtocolError):
            await fs.status("/a")


async def test_no_answer_at_all() -> None:
    async with server(b"") as (port, _), at(port) as fs:
        with pytest.raises(ConnectionLostError, match=rf"look at hdfs://h:1/a: .*localhost:{port}"):
            await fs.status("/a")


async def test_content_that_ends_early_is_an_error() -> None:
    status = http(
        "200 OK",
        '{"FileStatus":{"type":"FILE","pathSuffix":"","length":10,'
        '"modificationTime":1,"owner":"a","permission":"644"}}',
    )
    content = http("200 OK", "12345", "application/octet-stream")
    async with server(content) as (data_node, _):
        redirect = http("307 T", more=f"Location: http://localhost:{data_node}/x\r\n")
        async with server(status, redirect) as (port, _), at(port) as fs:
            with pytest.raises(YarnhubError, match="ended 5 bytes early"):
                _ = [chunk async for chunk in fs.read("/a")]


async def test_a_redirect_to_nowhere() -> None:
    answer = http("307 T", more="Location: file:///etc/passwd\r\n")
    async with server(answer) as (port, _), at(port) as fs:
        with pytest.raises(RemoteProtocolError, match="named no DataNode"):
            await fs.write("/a", b"x")


async def test_a_redirect_is_followed_with_our_own_path_and_words() -> None:
    # What a NameNode answers for cafe + combining accent and the user o'brien: the path in NFC, and
    # encoded twice what was encoded once.
    status = (
        '{"FileStatus":{"pathSuffix":"","type":"FILE","length":1,"modificationTime":1,'
        '"owner":"a","permission":"644"}}'
    )
    async with server(http("200 OK", "x", "application/octet-stream")) as (data, asked):
        location = (
            f"Location: http://127.0.0.1:{data}/webhdfs/v1/caf%C3%A9?op=OPEN&user.name=o%2527brien"
            "&namenoderpcaddress=h:1&length=1&offset=0\r\n"
        )
        redirect = http("307 Temporary Redirect", more=location)
        async with server(http("200 OK", status), redirect) as (port, _):
            web = [f"http://localhost:{port}"]
            fs = WebHdfsFileSystem("hdfs://h:1", web, UserName("o'brien"))
            assert b"".join([chunk async for chunk in fs.read("/cafe\u0301")]) == b"x"
    assert asked == [
        (
            b"GET /webhdfs/v1/cafe%CC%81?op=OPEN&user.name=o%27brien&namenoderpcaddress=h:1"
            b"&length=1&offset=0 HTTP/1.1\r\n"
        )
    ]


async def test_the_redirect_of_a_gateway_stays_as_it_is() -> None:
    location = "http://gateway/x/webhdfs/data/v1/a?_=secret"
    assert WebHdfsRequests._own_path(location, "/a", {}) == location


async def test_an_hdfs_with_access_control_lists_disabled() -> None:
    disabled = http(
        "403 Forbidden",
        refusal(
            "org.apache.hadoop.hdfs.protocol.AclException",
            "The ACL operation has been rejected.  Support for ACLs has been disabled by setting "
            "dfs.namenode.acls.enabled to false.",
        ),
    )
    async with server(disabled, disabled, disabled, http("200 OK")) as (port, seen), at(port) as fs:
        bob = AclEntry(AclKind.USER, "bob", 5)
        with pytest.raises(AclsUnavailableError, match=r"hdfs://h:1/a: .*acls\.enabled to fa"):
            await fs.set_access("/a", 0o700, [bob])
        with pytest.raises(AclsUnavailableError):
            await fs.acl("/a")
        await fs.set_access("/a", 0o755)
    assert b"op=SETPERMISSION&permission=755" in seen[-1]


@pytest.mark.parametrize("entries", ['"x"', '["user:bob:r-x"],"permission":"rwx"'])
async def test_an_access_control_list_that_is_none(entries: str) -> None:
    answer = http("200 OK", f'{{"AclStatus":{{"permission":"750","entries":{entries}}}}}')
    async with server(answer) as (port, _), at(port) as fs:
        with pytest.raises(RemoteProtocolError, match=r"hdfs://h:1/a is (not a list|invalid)"):
            await fs.acl("/a")

"""A NodeManager's web server that answers as one never would in a test that waits for it.

What a real one answers is tested on the cluster.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hadoop.http_server import response, server
from hadoop.tickets import SpnegoTicket
from yarn.logs.node_responses import framed
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    RemoteError,
    RemoteProtocolError,
)
from yarnhub.client.access import web_servers
from yarnhub.client.access.settings import Settings
from yarnhub.client.logs import node as node_logs
from yarnhub.client.logs.node import NodeLogs
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, User
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CUT_OFF = framed(b"abc", 9).partition(b"End of")[0]
NUMBER = ContainerId.parse("container_1_0003_01_000002")


def reader(user: User | None = None) -> NodeLogs:
    settings = Settings(
        configuration=Configuration({}),
        user=user or SimpleUser("alice"),
        user_name="alice",
        config_folder=Path(),
        cache_folder=Path(),
        language="C",
        options=RpcOptions(),
    )
    return NodeLogs(settings)


class Node:
    """Gives one answer after the other, and keeps the heads of the requests."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


async def content(
    logs: NodeLogs, address: str, start: int = 0, known: int = 0, name: str = "worker.log"
) -> bytes:
    async with aclosing(logs.read(address, NUMBER, name, start, known)) as parts:
        return b"".join([part async for part in parts])


async def test_a_file_from_a_byte_on_though_it_grows_while_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_logs, "_MAX_GROWTH", 4)
    whole = b"0123456789" * 10
    # Twice as long as it was said to be: the tail begins too late. The second is long enough.
    node = Node(response(framed(whole[-9:], 100)), response(framed(whole, 100)))
    async with server(node) as url:
        found = await content(reader(), url.partition("//")[2], start=15, known=20, name="a b")
    assert found == whole[15:]
    heads = [request.splitlines()[0] for request in node.requests]
    assert heads == [
        f"GET /ws/v1/node/containers/{NUMBER}/logs/a%20b?user.name=alice&size=-{size} HTTP/1.1"
        for size in (9, 117)
    ]


async def test_what_is_not_there_yet_or_any_more_is_nothing() -> None:
    # As Hadoop 3.4.2 and 3.5.0 say it of a container that has ended.
    before = {
        "exception": "WebApplicationException",
        "message": "org.apache.hadoop.yarn.webapp.NotFoundException: java.lang.Exception: Unknown "
        "container. Container either has not started or has already completed or doesn't belong to "
        "this node at all.",
        "javaClassName": "javax.ws.rs.WebApplicationException",
    }
    since = before | {"message": "HTTP 404 Not Found"}
    for answer in (
        response(b"HTTP 404 Not Found", "404 Not Found"),
        response(b"", "307 Temporary Redirect", "Location: http://history/x"),
        response(json.dumps({"RemoteException": before}).encode(), "503 Service Unavailable"),
        response(json.dumps({"RemoteException": since}).encode(), "503 Service Unavailable"),
    ):
        async with server(Node(answer)) as url:
            address = url.partition("//")[2]
            assert await reader().list(address, NUMBER) is None
            assert await content(reader(), address) == b""


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            response(
                b"java.lang.Exception: User [bob] is not authorized to view the logs for app",
                "500 E",
            ),
            AccessDeniedError,
            r"^User \[bob\] is not authorized to view the logs for app \(the NodeManager's web",
        ),
        (response(b"no", "403 Forbidden"), AccessDeniedError, "no"),
        (response(b"a.b.C: disk\n\tat x", "500 E"), RemoteError, r"127.0.0.1.*status 500: "),
        (response(b"", "401 Unauthorized"), AuthenticationError, "requires Kerberos"),
        (response(CUT_OFF), ConnectionLostError, r"worker.log of container_1.* ended early"),
        (response(b"x" * 100_000), RemoteProtocolError, "no log header"),
    ],
)
async def test_errors_say_what_is_wrong_and_where(
    answer: bytes, error: type[Exception], message: str
) -> None:
    async with server(Node(answer)) as url:
        with pytest.raises(error, match=message):
            await content(reader(), url.partition("//")[2])


async def test_nobody_answers() -> None:
    async with server(Node(b"")) as url:
        address = url.partition("//")[2]
    with pytest.raises(ConnectError, match=f"web server cannot be reached: .*{address}"):
        await reader().list(address, NUMBER)


async def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_servers, "RESPONSE_TIMEOUT", 0.05)
    held = asyncio.Event()

    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await held.wait()

    async with server(silent) as url:
        with pytest.raises(
            DeadlineExceededError, match=r"the NodeManager's web server at .* did not respond"
        ):
            await reader().list(url.partition("//")[2], NUMBER)
        held.set()


async def test_leaving_early_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(CUT_OFF).replace(b"Content-Length: ", b"Content-Length: 9"))
        await reader.read()
        closed.set()

    async with server(endless) as url:
        parts: AsyncGenerator[bytes, None] = reader().read(
            url.partition("//")[2], NUMBER, "worker.log", 0, 1
        )
        assert await anext(parts) == b"abc"
        await parts.aclose()
        async with asyncio.timeout(20):
            await closed.wait()


async def test_a_server_that_wants_a_ticket_gets_it_and_then_its_own_cookie() -> None:
    cookie = 'Set-Cookie: hadoop.auth="u=alice&s=x"; Path=/; HttpOnly'
    node = Node(
        response(b"", "401 Unauthorized", "WWW-Authenticate: Negotiate"),
        response(framed(b"abc", 3), "200 OK", "WWW-Authenticate: Negotiate eHl6", cookie),
        response(framed(b"abc", 3)),
    )
    logs = reader(KerberosUser(SpnegoTicket()))
    async with server(node) as url:
        address = url.partition("//")[2]
        assert await content(logs, address) == await content(logs, address) == b"abc"
    first, second, third = node.requests
    assert "Authorization" not in first
    # base64 of `ticket for HTTP/127.0.0.1`
    assert "Authorization: Negotiate dGlja2V0IGZvciBIVFRQLzEyNy4wLjAuMQ==" in second
    assert "Authorization" not in third
    assert 'Cookie: hadoop.auth="u=alice&s=x"' in third


async def test_a_ticket_that_is_not_accepted() -> None:
    async with server(Node(response(b"", "401 Unauthorized"))) as url:
        with pytest.raises(
            AuthenticationError, match="does not accept the Kerberos ticket of alice"
        ):
            await content(reader(KerberosUser(SpnegoTicket())), url.partition("//")[2])

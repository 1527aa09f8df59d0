"""Key servers (KMS) that a test plays; what a real one answers is tested on the cluster."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hadoop.http_server import response, server
from hadoop.tickets import SpnegoTicket
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    RemoteError,
    RemoteProtocolError,
)
from yarnhub.client.tokens.submission import by_alias
from yarnhub.filesystem.key_provider import KeyProvider, KeyProviderTokens
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser
from yarnhub.hadoop.wire.identifiers import HDFS, KEY_SERVER
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

GIVEN = Token(b"id", b"secret", "kms-dt", "")
ALICE = KerberosUser(SpnegoTicket())


def answer(document: Any, status: str = "200 OK") -> bytes:
    return response(json.dumps(document).encode(), status, "Content-Type: application/json")


NEW = answer({"Token": {"urlString": GIVEN.to_url()}})


@dataclass
class KeyServer:
    """Gives one answer, and keeps what it was asked."""

    answer: bytes
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        verb, target, _ = head.partition("\r\n")[0].split()
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        ticket = next(line for line in head.splitlines() if line.startswith("Authorization"))
        path = urlsplit(target).path
        self.asked.append({"verb": verb, "path": path, "ticket": ticket, **query})
        writer.write(self.answer)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def tokens_of(*urls: str, deadline: float = 5.0) -> KeyProviderTokens:
    provider = KeyProvider("kms://http@a;b:1/kms", (), tuple(f"{url}/kms" for url in urls))
    return KeyProviderTokens(provider, deadline=deadline)


@pytest.mark.parametrize(
    ("uri", "servers", "urls"),
    [
        ("kms://https@h1:9600/kms", ["kms://https@h1:9600/kms"], ["https://h1:9600/kms"]),
        (
            "kms://https@h1;h2:9600/kms",
            ["kms://https@h1:9600/kms", "kms://https@h2:9600/kms"],
            ["https://h1:9600/kms", "https://h2:9600/kms"],
        ),
        ("kms://http@h1/kms/", ["kms://http@h1/kms/"], ["http://h1/kms"]),
    ],
)
def test_a_uri_of_several_servers(uri: str, servers: list[str], urls: list[str]) -> None:
    provider = KeyProvider.parse(uri)
    assert provider is not None
    assert (provider.service, list(provider.servers), list(provider.urls)) == (uri, servers, urls)


def test_others_give_no_tokens_and_nonsense_is_said_to_be_none() -> None:
    assert KeyProvider.parse("jceks://file@/etc/keys.jceks") is None
    with_name = KeyProvider.parse("kms://https@h1:9600/kms#name")
    assert with_name is not None
    assert with_name.service == "kms://https@h1:9600/kms"
    for wrong in ("kms://h1:9600/kms", "kms://ftp@h1/kms", "kms:", "kms://https@/kms"):
        with pytest.raises(
            ConfigurationError, match="not look like kms://https@host1;host2:9600/kms"
        ):
            KeyProvider.parse(wrong)


def test_java_finds_the_token_whatever_its_configuration_says() -> None:
    token = Token(b"id", b"s", KEY_SERVER, "kms://https@h1;h2:9600/kms")
    aliases = by_alias([Token(b"x", b"s", HDFS, "10.0.0.1:8020"), token])
    assert list(aliases) == [
        "10.0.0.1:8020",
        "kms://https@h1;h2:9600/kms",
        "kms://https@h1:9600/kms",
        "kms://https@h2:9600/kms",
    ]


async def test_a_token_is_fetched_for_the_user_and_named_by_its_provider() -> None:
    kms = KeyServer(NEW)
    async with server(kms) as url:
        source = tokens_of(url)
        token = await source.fetch(ALICE, "rm/host@REALM")
        await source.fetch(KerberosUser(SpnegoTicket("hub@REALM"), "alice"), "hub@REALM")
    assert token == Token(b"id", b"secret", KEY_SERVER, "kms://http@a;b:1/kms")
    own, acting = kms.asked
    assert own["ticket"].startswith("Authorization: Negotiate ")
    assert (own["verb"], own["path"]) == ("GET", "/kms/v1/")
    assert (own["op"], own["renewer"]) == ("GETDELEGATIONTOKEN", "rm/host@REALM")
    assert "doAs" not in own
    assert acting["doAs"] == "alice"


async def test_the_next_server_is_asked_where_one_does_not_answer() -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    kms = KeyServer(answer({"long": 17}))
    async with server(kms) as url:
        assert await tokens_of(dead, url).renew(ALICE, GIVEN) == 17
    assert kms.asked[0]["op"] == "RENEWDELEGATIONTOKEN"
    assert Token.from_url(kms.asked[0]["token"]) == GIVEN
    with pytest.raises(ConnectError, match="no token from the key server: cannot connect"):
        await tokens_of(dead, dead).cancel(ALICE, GIVEN)


REFUSED = {
    "RemoteException": {
        "message": "User: hub is not allowed to impersonate alice",
        "exception": "AuthorizationException",
        "javaClassName": "org.apache.hadoop.security.authorize.AuthorizationException",
    }
}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (answer(REFUSED, "403 Forbidden"), AccessDeniedError, "not allowed to impersonate alice"),
        (response(b"", "401 Unauthorized"), AuthenticationError, "does not accept .* alice@REALM"),
        (response(b"<html>", "500 Server Error"), RemoteError, "HTTP status 500"),
        (answer({"Token": {}}), RemoteProtocolError, "urlString"),
        (answer({"Token": {"urlString": "!"}}), RemoteProtocolError, "."),
        (response(b"[" * 100_000), RemoteProtocolError, "Token"),
        (response(b"x" * (2 << 20)), RemoteProtocolError, "longer than"),
    ],
)
async def test_refusals_and_nonsense(given: bytes, error: type[Exception], words: str) -> None:
    async with server(KeyServer(given)) as url:
        with pytest.raises(error, match=words):
            await tokens_of(url).fetch(ALICE, "rm")


async def test_a_server_that_is_silent_ends_at_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    handler: Callable[..., Any] = silent
    async with server(handler) as url:
        with pytest.raises(DeadlineExceededError, match="key server"):
            await tokens_of(url, deadline=0.1).fetch(ALICE, "rm")


async def test_only_who_logs_in_with_kerberos_gets_one() -> None:
    with pytest.raises(ConfigurationError, match="Kerberos"):
        await tokens_of("http://h").fetch(SimpleUser("alice"), "rm")

"""Whom an HTTPS client trusts, against real TLS servers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hadoop.http_server import server
from hadoop.secure_server import https_server, pem, server_context
from yarnhub.base.errors import ConnectError
from yarnhub.cluster.security.certificates import Authority
from yarnhub.hadoop.http import exchange
from yarnhub.hadoop.trust import Trust, certificates_of, trust_for

if TYPE_CHECKING:
    import asyncio


async def fetch(place: str, trust: Trust) -> bytes:
    async with exchange("GET", f"https://{place}/", trust=trust) as response:
        return await response.read(100)


async def test_a_private_ca_is_trusted_where_it_is_configured() -> None:
    authority = Authority.create()
    context, _ = server_context(authority, "localhost")
    async with https_server(context, b"{}") as place:
        assert await fetch(place, Trust(authority.pem)) == b"{}"
        with pytest.raises(ConnectError) as without:
            await fetch(place, Trust())
        with pytest.raises(ConnectError, match="not issued by the configured CA"):
            await fetch(place, Trust(Authority.create().pem))
    said = str(without.value)
    assert f"the server at {place} could not be verified" in said
    assert "not issued by a CA that this system trusts" in said
    for wanted in ("YARNHUB_CA_FILE", "yarnhub.ca-file", "ssl.client.truststore.location"):
        assert wanted in said
    assert "cannot connect" not in said


async def test_a_servers_own_certificate_is_enough_as_for_java() -> None:
    context, certificate = server_context(Authority.create(), "localhost")
    async with https_server(context, b"{}") as place:
        assert await fetch(place, Trust(pem(certificate))) == b"{}"


async def test_a_certificate_for_another_host() -> None:
    authority = Authority.create()
    context, _ = server_context(authority, "namenode.example.com")
    async with https_server(context, b"{}") as place:
        with pytest.raises(ConnectError, match="Hostname mismatch") as refused:
            await fetch(place, Trust(authority.pem))
        assert "YARNHUB_CA_FILE" not in str(refused.value), "that is not what is wrong"
        assert await fetch(place, Trust(authority.pem, any_host=True)) == b"{}"


async def test_a_server_without_tls_is_said_to_have_none() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with server(plain) as url:
        place = url.removeprefix("http://")
        with pytest.raises(ConnectError, match=f"no TLS connection to {place}"):
            await fetch(place, Trust())


def test_one_context_serves_all_connections() -> None:
    authority = Authority.create()
    assert Trust(authority.pem).context is Trust(authority.pem).context


def test_what_stands_between_certificates_is_left_out() -> None:
    one, two = Authority.create().pem, Authority.create().pem
    assert certificates_of(f"# Zürich\n{one}subject=Größe\n{two}") == one + two
    assert certificates_of("-----BEGIN PRIVATE KEY-----") == ""


async def test_a_truststore_is_read_in_a_thread_and_for_https_only() -> None:
    threads: list[threading.Thread] = []

    def read() -> Trust:
        threads.append(threading.current_thread())
        return Trust("a CA")

    assert await trust_for("http://nn:9870/webhdfs/v1", read) == Trust()
    assert threads == []
    assert await trust_for("HTTPS://nn:9871/webhdfs/v1", read) == Trust("a CA")
    assert threads != [threading.main_thread()]

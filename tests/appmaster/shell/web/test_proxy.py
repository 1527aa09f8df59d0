"""Pages of services, which the ApplicationMaster passes on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from appmaster.shell.web.browsing import BOB, ID, add, pages, target
from yarnhub.appmaster.shell.web import proxy as module
from yarnhub.appmaster.shell.web.proxy import relocate
from yarnhub.control.messages import Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def test_a_request_is_passed_on_and_so_is_the_answer() -> None:
    answer = (
        b"HTTP/1.1 201 Created\r\nContent-Type: text/x\r\nX-Mine: 1\r\nSet-Cookie: a=b\r\n"
        b"Connection: X-Hop, close\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nhello"
    )
    async with pages() as (play, asking), target(answer) as (url, heads):
        add(play, url)
        found = await asking.get(
            "/pages/page/a%20b?x=1&y=%2f",
            headers={**BOB, "X-Own": "2", "Connection": "X-Drop", "X-Drop": "3", "TE": "trailers"},
        )
    assert (found.status_code, found.text) == (201, "hello")
    assert (found.headers["x-mine"], found.headers["content-type"]) == ("1", "text/x")
    assert not {"x-hop", "set-cookie"} & found.headers.keys()
    assert found.headers.get_list("connection") == ["close"]
    lines = heads[0].decode().lower().split("\r\n")
    assert lines[0] == "get /a%20b?x=1&y=%2f http/1.1"
    assert f"host: {url.removeprefix('http://')}" in lines
    assert "x-own: 2" in lines
    assert "cookie: proxy-user=bob" in lines, "the page may want to know for whom"
    assert not any(line.startswith(("te:", "x-drop:")) for line in lines)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_bodies_are_passed_on_with_their_length(method: str) -> None:
    bodies: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readexactly(300_000))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with pages() as (play, asking), target(handler) as (url, heads):
        add(play, url)
        found = await asking.request(method, "/pages/page/x", content=b"abc" * 100_000)
    # YARN's proxy fails on an answer that can have no body.
    assert (found.status_code, found.content) == (200, b"")
    assert heads[0].startswith(f"{method} /x HTTP/1.1\r\n".encode())
    assert b"content-length: 300000\r\n" in heads[0].lower()
    assert b"transfer-encoding" not in heads[0].lower(), "many a server knows lengths only"
    assert bodies == [b"abc" * 100_000]


async def test_bodies_stream_both_ways() -> None:
    """Each side sends its next piece only when the other's has arrived."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"one\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await reader.readuntil(b"0\r\n\r\n")
        for piece in (b"1\r\na\r\n", b"1\r\nb\r\n"):
            writer.write(piece)
            await got.wait()
        writer.write(b"0\r\n\r\n")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"

    got = asyncio.Event()
    async with pages() as (play, asking), target(handler) as (url, heads):
        add(play, url)
        async with asking.stream("POST", "/pages/page/", content=pieces()) as found:
            chunks = found.aiter_raw()
            assert await anext(chunks) == b"a", "the page has not ended its answer yet"
            got.set()
            assert b"".join([chunk async for chunk in chunks]) == b"b"
    assert b"transfer-encoding: chunked" in heads[0].lower()


async def test_only_the_head_of_a_head_request_comes() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    async with pages() as (play, asking), target(answer) as (url, _):
        add(play, url)
        found = await asking.head("/pages/page/")
        assert (found.headers["content-length"], found.content) == ("1000", b"")


@pytest.mark.parametrize(
    ("below", "path", "asked"),
    [
        ("", "/pages/page", "/"),
        ("", "/pages/page/", "/"),
        ("", "/pages/page?a=b", "/?a=b"),
        ("/tmp/", "/pages/page", "/tmp/"),
        ("/tmp/", "/pages/page/", "/tmp/"),
        ("/tmp/", "/pages/page/x/y", "/tmp/x/y"),
        ("/file", "/pages/page", "/file"),
        ("/file", "/pages/page/x", "/file/x"),
        ("", "/pages/%70age/x", "/x"),
    ],
)
async def test_paths_are_those_below_the_target(below: str, path: str, asked: str) -> None:
    async with pages() as (play, asking), target(b"HTTP/1.1 200 OK\r\n\r\n") as (url, heads):
        add(play, url + below)
        assert (await asking.get(path)).status_code == 200
    assert heads[0].split()[1].decode() == asked


@pytest.mark.parametrize("path", ["../x", "a/../../x", "%2e%2e/x", "a/%2E/x", "..%2fx"])
async def test_no_path_leads_above_the_target(path: str) -> None:
    async with pages() as (play, asking), target(b"HTTP/1.1 200 OK\r\n\r\n") as (url, heads):
        add(play, f"{url}/tmp/")
        reader, writer = await asyncio.open_connection("127.0.0.1", asking.base_url.port)
        head = f"GET /pages/page/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
        writer.close()
        assert heads == []


async def test_a_page_that_is_removed_or_was_never_added_is_not_there() -> None:
    async with pages() as (play, asking), target(b"HTTP/1.1 200 OK\r\n\r\n") as (url, _):
        add(play, url)
        assert (await asking.get("/pages/page/")).status_code == 200
        del play.application.pages.by_route["page"]
        assert (await asking.get("/pages/page/")).status_code == 404


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "the connection to 127.0.0.1"),
        (b"nonsense\r\n\r\n", "violated HTTP"),
    ],
)
async def test_a_page_that_gives_no_answer_is_said_to(answer: bytes, said: str) -> None:
    async with pages() as (play, asking), target(answer) as (url, _):
        add(play, url)
        found = await asking.get("/pages/page/")
        assert found.status_code == 502
        assert said in found.text
        assert url in found.text


async def test_a_page_that_nobody_serves_or_that_is_silent_is_said_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    monkeypatch.setattr(module, "_ANSWER_TIMEOUT", 0.1)
    async with pages() as (play, asking), target(silent) as (url, _):
        add(play, url)
        found = await asking.get("/pages/page/")
        assert (found.status_code, "no response within 0.1 s" in found.text) == (502, True)
        monkeypatch.undo()
        add(play, "http://127.0.0.1:1/", "closed")
        found = await asking.get("/pages/closed/")
        assert (found.status_code, "cannot connect to 127.0.0.1:1" in found.text) == (502, True)


@pytest.mark.parametrize("end", ["cut", "silence"])
async def test_an_answer_that_ends_early_is_seen_to(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        if end == "silence":
            await reader.read()

    monkeypatch.setattr(module, "_ANSWER_TIMEOUT", 0.5)
    async with pages() as (play, asking), target(handler) as (url, _):
        add(play, url)
        with pytest.raises(httpx.RemoteProtocolError):
            await asking.get("/pages/page/")
        assert (await asking.get("/overview")).status_code == 200


async def test_a_client_that_goes_away_ends_what_was_asked_for_it() -> None:
    ended = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x" * 65536)
                await writer.drain()
        ended.set()

    async with pages() as (play, asking), target(handler) as (url, _):
        add(play, url)
        async with asking.stream("GET", "/pages/page/") as found:
            await anext(found.aiter_raw())
        await ended.wait()


async def test_redirections_lead_where_the_page_is_passed_on() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: /login?next=x\r\nContent-Length: 0\r\n\r\n"
    async with pages() as (play, asking), target(answer) as (url, _):
        add(play, url)
        found = await asking.get("/pages/page/a/b")
        assert found.headers["location"] == "../." + "/login?next=x"
        place = found.url.join(found.headers["location"])
        assert place.path == "/pages/page/login"


@pytest.mark.parametrize(
    ("root", "rest", "location", "place"),
    [
        ("http://h:1", "", "/login", "/pages/r/login"),
        ("http://h:1", "/", "/login", "/pages/r/login"),
        ("http://h:1", "/a/b/c", "/login", "/pages/r/login"),
        ("http://h:1", "/a/b/c", "d?x=1", "/pages/r/a/b/d?x=1"),
        ("http://h:1", "/a/b", "http://h:1/x/", "/pages/r/x/"),
        ("http://h:1", "/a/b", "//h:1/x", "/pages/r/x"),
        ("http://h:1", "/a/b", "http://h:1", "/pages/r/"),
        ("http://h:1", "/a", "http://h:1?x", "/pages/r/?x"),
        ("http://h:1/tmp/", "", "/tmp/x", "/pages/r/x"),
        ("http://h:1/tmp/", "/a", "/tmp", "/pages/r/"),
        ("http://h:1/tmp", "", "/tmp/", "/pages/r/"),
        # What is not below the target is not passed on: it is where it is.
        ("http://h:1/tmp/", "/a", "/login", "http://h:1/login"),
        ("http://h:1/tmp/", "/a", "/tmpfile", "http://h:1/tmpfile"),
        ("http://h:1", "/a", "https://other/x", "https://other/x"),
        ("http://h:1", "/a", "http://h:12/x", "http://h:12/x"),
    ],
)
def test_where_a_redirection_leads(root: str, rest: str, location: str, place: str) -> None:
    told = relocate(location, Page(route="r", target=root), rest)
    for prefix in ("", f"/proxy/{ID}"):
        found: Any = httpx.URL(f"http://x{prefix}/pages/r{rest}").join(told)
        wanted = place if "://" in place else f"http://x{prefix}{place}"
        assert str(found) == wanted

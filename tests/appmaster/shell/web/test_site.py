"""The web pages over real sockets: who is let in, and what is passed on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from appmaster.core.scenario import START, Scenario, application, service
from yarnhub.appmaster.shell.server.http import HttpConnection
from yarnhub.appmaster.shell.server.listener import listen
from yarnhub.appmaster.shell.web import proxy as module
from yarnhub.appmaster.shell.web.access import Access
from yarnhub.appmaster.shell.web.proxy import relocate
from yarnhub.appmaster.shell.web.site import Site
from yarnhub.appmaster.shell.web.views import Origin
from yarnhub.control.messages import AddPage, Page, PutKey, Ui
from yarnhub.spec import ACLs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from yarnhub.appmaster.shell.server.http import Request

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ID = "application_1700000000000_0007"
ALICE = {"Cookie": "proxy-user=alice"}
BOB = {"Cookie": "proxy-user=bob"}


@contextlib.asynccontextmanager
async def pages(
    acls: ACLs | None = None, *, anybody: bool = False
) -> AsyncIterator[tuple[Scenario, httpx.AsyncClient]]:
    """An application of alice's with one key, and a client on the proxy's host."""
    play = Scenario(application("run", worker=service()))
    play.start()
    play.ask(PutKey(key="the-key", value=b"the-value"))
    play.application.pages.ui = Ui(addresses=(f"http://rm:8088/proxy/{ID}/", "http://other/"))
    origin = Origin(
        id=ID, name="app", user="alice", scheme="http", node="n:1", container="c", start_time=START
    )
    access = Access(["http://localhost:8088"], "alice", acls or ACLs(), anybody=anybody)
    site = Site(play.application, origin, access, lambda: START + 60)
    async with (
        asyncio.timeout(20),
        site.serve("127.0.0.1") as port,
        client(port) as asking,
    ):
        yield play, asking


def client(port: int | None, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(local_address=address)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", transport=transport)


@contextlib.asynccontextmanager
async def target(answer: bytes | Handler) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A page of a service: its URL, and the heads that it has read."""
    heads: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


def add(play: Scenario, url: str, route: str = "page") -> None:
    play.ask(AddPage(page=Page(route=route, target=url)))


# --- the application's own pages


async def test_the_pages() -> None:
    async with pages() as (_, asking):
        home = await asking.get("/", headers=ALICE)
        assert (home.status_code, home.headers["location"]) == (302, "./overview")
        overview = await asking.get("/overview", headers=ALICE)
        assert overview.headers["content-type"] == "text/html; charset=utf-8"
        assert "worker_0" in overview.text
        told = (await asking.get("/api/overview.json?x=1", headers=ALICE)).json()
        assert (told["id"], told["user"], told["runtime"]) == (ID, "alice", 60.0)
        keys = await asking.get("/kv?prefix=the-", headers=ALICE)
        assert "the-value" in keys.text
        assert "the-key" not in (await asking.get("/kv?prefix=x", headers=ALICE)).text
        icon = await asking.get("/favicon.ico", headers=ALICE)
        assert icon.headers["content-type"] == "image/svg+xml"
        assert (await asking.head("/overview", headers=ALICE)).content == b""


async def test_no_page_runs_scripts_loads_from_elsewhere_or_is_kept() -> None:
    async with pages() as (_, asking):
        for path in ("/overview", "/kv", "/nosuch"):
            found = (await asking.get(path)).headers
            assert found["content-security-policy"].startswith("default-src 'none';")
            assert "script" not in found["content-security-policy"]
            assert found["cache-control"] == "no-store"
            assert found["connection"] == "close", "YARN's proxy never closes one"
            assert found["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/nosuch", "/overview/", "/pages", "/api", "/kv/<b>x"])
async def test_other_pages_do_not_exist(path: str) -> None:
    async with pages() as (_, asking):
        found = await asking.get(path)
        assert found.status_code == 404
        assert "There is no page" in found.text
        assert "<b>" not in found.text


async def test_a_page_that_says_no_leads_back_from_where_it_is() -> None:
    async with pages() as (_, asking):
        assert 'href="./overview"' in (await asking.get("/nosuch")).text
        assert 'href="./../../overview"' in (await asking.get("/pages/nosuch/x?a=/b/c")).text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_no_request_changes_anything(method: str) -> None:
    async with pages() as (play, asking):
        for path in ("/", "/overview", "/kv", "/control/Shutdown", "/nosuch"):
            found = await asking.request(method, path, headers=ALICE, content=b"{}")
            assert found.status_code == 405
        assert play.application.finish is None


# --- who may see them


async def test_another_host_than_the_proxys_is_sent_there() -> None:
    async with pages() as (_, asking), client(asking.base_url.port, "127.0.0.2") as stranger:
        for path in ("/overview", "/kv?prefix=a", "/pages/x/y"):
            found = await stranger.get(path, headers=ALICE)
            assert found.status_code == 302
            assert found.headers["location"] == f"http://rm:8088/proxy/redirect/{ID}{path}"
            assert found.content == b""
        found = await stranger.post("/overview", headers=ALICE, content=b"x" * 1000)
        assert found.status_code == 302


async def test_a_target_that_names_a_host_is_not_where_a_stranger_is_sent() -> None:
    async with pages() as (_, asking):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", asking.base_url.port, local_addr=("127.0.0.2", 0)
        )
        writer.write(b"GET http://evil/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert f"Location: http://rm:8088/proxy/redirect/{ID}/\r\n".encode() in answer


async def test_where_no_proxy_is_known_nobody_is_let_in() -> None:
    async with pages() as (play, asking):
        play.application.pages.ui = Ui()
        async with client(asking.base_url.port, "127.0.0.2") as stranger:
            assert (await stranger.get("/overview", headers=ALICE)).status_code == 403


async def test_acls_keep_others_out_and_say_so() -> None:
    async with pages(ACLs(enable=True, ui_users=["carol"])) as (play, asking), target(b"") as page:
        add(play, page[0])
        for path in ("/overview", "/kv", "/api/overview.json", "/pages/page/", "/nosuch"):
            found = await asking.get(path, headers=BOB)
            assert found.status_code == 403
            assert "alice does not show these pages to bob" in found.text
            assert "acls.ui_users" in found.text
            assert "the-" not in found.text
            assert (await asking.get(path)).status_code == 403
        assert page[1] == [], "nothing is passed on for them"
        for user in ("alice", "carol"):
            found = await asking.get("/kv", headers={"Cookie": f"proxy-user={user}"})
            assert "the-value" in found.text


async def test_values_are_for_the_owner_unless_nobody_is_proven_to_be_anybody() -> None:
    async with pages() as (_, asking):
        found = await asking.get("/kv", headers=BOB)
        assert "the-key" in found.text
        assert "the-value" not in found.text
        assert "The web proxy calls you bob." in found.text
        assert "The web proxy does not know who you are." in (await asking.get("/kv")).text
        assert "the-value" in (await asking.get("/kv", headers=ALICE)).text
    async with pages(anybody=True) as (_, asking):
        assert "the-value" in (await asking.get("/kv", headers=BOB)).text


async def test_so_many_may_connect_and_no_more() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def handle(request: Request) -> None:
        asked.set()
        if request.target == "/busy":
            await go_on.wait()
        await request.respond(200, [], b"here")

    serving = listen(
        lambda reader, writer: HttpConnection(reader, writer, handle), "127.0.0.1", most=2
    )
    async with (
        asyncio.timeout(20),
        serving as port,
        asyncio.TaskGroup() as group,
        client(port) as first,
        client(port) as second,
        client(port) as third,
    ):
        busy = []
        for each in (first, second):
            busy.append(group.create_task(each.get("/busy")))
            await asked.wait()
            asked.clear()
        with pytest.raises(httpx.TransportError):
            await third.get("/")
        go_on.set()
        assert [(await each).text for each in busy] == ["here", "here"]
        assert (await third.get("/")).text == "here", "who asks for nothing makes room"


async def test_who_says_nothing_keeps_nobody_out() -> None:
    async with pages() as (_, asking):
        port = asking.base_url.port
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(150)]
        assert (await asking.get("/overview", headers=ALICE)).status_code == 200
        async with client(port, "127.0.0.2") as elsewhere:
            assert (await elsewhere.get("/overview", headers=ALICE)).status_code == 302
        for _, writer in silent:
            writer.close()


async def test_ends_of_connections_make_room() -> None:
    async def handle(request: Request) -> None:
        await request.respond(200, [], b"here")

    serving = listen(
        lambda reader, writer: HttpConnection(reader, writer, handle), "127.0.0.1", most=2
    )
    async with asyncio.timeout(20), serving as port:
        async with client(port) as first, client(port) as second:
            assert (await first.get("/")).text == (await second.get("/")).text == "here"
        async with client(port) as later:
            for _ in range(100):  # until the first ones' end has been seen
                with contextlib.suppress(httpx.TransportError):
                    assert (await later.get("/")).text == "here"
                    return
    pytest.fail("the ends of connections make no room")


# --- pages of services


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
        (b"nonsense\r\n\r\n", "broke HTTP"),
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
        assert (found.status_code, "no answer within 0.1 s" in found.text) == (502, True)
        add(play, "http://127.0.0.1:1/", "closed")
        found = await asking.get("/pages/closed/")
        assert (found.status_code, "nobody answers at 127.0.0.1:1" in found.text) == (502, True)


@pytest.mark.parametrize("end", ["cut", "silence"])
async def test_an_answer_that_ends_early_is_seen_to(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        if end == "silence":
            await reader.read()

    monkeypatch.setattr(module, "_ANSWER_TIMEOUT", 0.1)
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

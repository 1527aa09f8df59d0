"""The web pages over real sockets: who is let in, and what is passed on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx
import pytest

from appmaster.shell.web.browsing import ALICE, BOB, ID, add, client, pages, target
from yarnhub.appmaster.shell.server.http import HttpConnection
from yarnhub.appmaster.shell.server.listener import listen
from yarnhub.control.messages import Ui
from yarnhub.spec import ACLs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.appmaster.shell.server.http import Request

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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
        assert "does not exist" in found.text
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
            assert "alice does not share these pages with bob" in found.text
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
        assert "You are logged in as bob at the web proxy." in found.text
        assert "You are not logged in at the web proxy." in (await asking.get("/kv")).text
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

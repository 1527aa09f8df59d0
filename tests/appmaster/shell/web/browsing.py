"""An application's site, the pages of its services, and who looks at them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx

from appmaster.core.scenario import START, Scenario, application, service
from yarnhub.appmaster.shell.web.access import Access
from yarnhub.appmaster.shell.web.site import Site
from yarnhub.appmaster.shell.web.views import Origin
from yarnhub.control.messages import AddPage, Page, PutKey, Ui
from yarnhub.spec import ACLs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

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

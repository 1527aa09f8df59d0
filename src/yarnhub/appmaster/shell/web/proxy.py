"""Proxies requests to the pages of services."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.hadoop import http

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    from yarnhub.appmaster.shell.server.http import Request
    from yarnhub.control.messages import Page

_ANSWER_TIMEOUT = 60.0
"""Seconds for the head of a response, and for each piece of it: YARN's own proxy waits as long
(`yarn.resourcemanager.proxy.connection.timeout` in yarn-default.xml)."""

_OF_A_HOP = frozenset(
    {
        "connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
    }
)  # fmt: skip
"""Headers that concern one connection only (RFC 9110, 7.6.1)."""


async def pass_on(request: Request, page: Page, rest: str, query: str) -> None:
    """Answer a request with the response of a page's target.

    Cancelling closes the connection to the target.

    Args:
        request: The request.
        page: The page.
        rest: The path below it: empty, or starting with a slash.
        query: The query, without the question mark.

    Raises:
        YarnhubError: The target did not respond; nothing was sent to the client.
        OSError: The response ended early; a part of it was sent.
    """
    url = page.target.rstrip("/") + rest if rest else page.target
    async with contextlib.AsyncExitStack() as stack:
        async with Deadline(
            _ANSWER_TIMEOUT, ConnectError(f"no response within {_ANSWER_TIMEOUT:g} s")
        ):
            response = await stack.enter_async_context(_sent(request, url, query))
        headers = _headers(response.headers, "set-cookie", "location")
        if location := response.header("location"):
            headers.append(("location", relocate(location, page, rest)))
        # WebAppProxyServlet.proxyLink fails on a response that cannot have a body.
        status = 200 if response.status == 204 else response.status
        try:
            await request.respond(status, headers, _bounded(response.chunks))
        except YarnhubError as error:
            raise ConnectionAbortedError(str(error)) from error


@contextlib.asynccontextmanager
async def _sent(request: Request, url: str, query: str) -> AsyncIterator[http.Response]:
    length = request.header("content-length")
    async with (
        contextlib.aclosing(request.chunks()) as chunks,
        http.exchange(
            request.method,
            f"{url}?{query}" if query else url,
            headers=_headers(request.headers, "content-length"),
            body=chunks if length or request.header("transfer-encoding") else b"",
            length=int(length) if length else None,
        ) as response,
    ):
        yield response


async def _bounded(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    while True:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk


def _headers(headers: Iterable[tuple[str, str]], *dropped: str) -> list[tuple[str, str]]:
    """The headers that are passed on.

    Not cookies: for a browser, they would belong to the ResourceManager.
    """
    given = list(headers)
    named = {
        name.strip().lower()
        for key, value in given
        if key == "connection"
        for name in value.split(",")
    }
    out = _OF_A_HOP | named | set(dropped)
    return [(key, value) for key, value in given if key not in out]


def relocate(location: str, page: Page, rest: str) -> str:
    """The URL for a client when a page's target responds with a redirect.

    A URL below the target becomes a path relative to the requested one, which works for YARN's
    proxy, which follows redirects itself, and for browsers behind it.
    """
    root = page.target.rstrip("/")
    place = urljoin(root + rest if rest else page.target, location)
    if place != root and not place.startswith((f"{root}/", f"{root}?")):
        return place
    below = place.removeprefix(root) or "/"
    return "../" * (rest.count("/") - 1) + "." + below if rest else f"./{page.route}{below}"

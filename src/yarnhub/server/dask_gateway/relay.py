"""Passes what a browser requests on to the dashboard of a Dask scheduler, and its answers back.

Nothing is collected here: each side is read as fast as the other one takes it, so that no user's
dashboard and no slow browser can fill the memory of the service, which holds all users' clusters.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict

from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from yarnhub.server.dask_gateway.identities import Identity

MOST = 100
"""Requests and websockets of a user at the same time."""
_CHECK = 60.0
"""Seconds between two checks whether the user of a websocket still has access."""
_CONNECT = 10.0
"""Seconds for a scheduler to accept a connection."""
_SILENT = 60.0
"""Seconds for which an answer may make no progress."""
_MAX_MESSAGE = 10 * 1024 * 1024
"""Bytes of a websocket's message."""
_RESTARTED = 1012
"""RFC 6455's registry: the service restarts. Dashboards connect again."""
_NOT_PASSED = frozenset(
    {
        # RFC 9110, section 7.6.1: of one connection.
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("proxy-connection", "trailer", "transfer-encoding", "upgrade", "host"),
        # The user's, at this service: the scheduler runs any program.
        *("authorization", "cookie"),
        # The hub's pages have the same host: a dashboard sets nothing for them.
        *("set-cookie", "clear-site-data", "service-worker-allowed", "content-security-policy"),
    }
)
_POLICY = ("Content-Security-Policy", "frame-ancestors 'none'")
"""No page embeds a dashboard; users' own servers show it below their own path."""


class Relay:
    """Passes requests on, while the application is running."""

    def __init__(self) -> None:
        self._open = Counter[str]()
        self._sockets: set[web.WebSocketResponse] = set()

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """For `web.Application.cleanup_ctx`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENT)
        async with aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            trust_env=False,
        ) as self._session:
            yield

    async def close_websockets(self, _app: web.Application) -> None:
        """For `web.Application.on_shutdown`."""
        async with task_group() as group:
            for each in set(self._sockets):
                _ = group.create_task(each.close(code=_RESTARTED))

    async def page(self, request: web.Request, url: str, identity: Identity) -> web.StreamResponse:
        """Pass a request of a user on; returns when all of the answer was passed back.

        Args:
            request: The request.
            url: The URL of the scheduler's page.
            identity: The user.

        Raises:
            HTTPTooManyRequests: The user has too many at the same time.
            HTTPBadGateway: The scheduler does not respond.
        """
        response: web.StreamResponse | None = None
        with self._counted(identity):
            try:
                async with self._session.request(
                    request.method, url, headers=_passed(request.headers), allow_redirects=False
                ) as answer:
                    headers = _passed(answer.headers)
                    headers.add(*_POLICY)
                    response = web.StreamResponse(status=answer.status, headers=headers)
                    await response.prepare(request)
                    async for chunk in answer.content.iter_any():
                        await response.write(chunk)
            except (aiohttp.ClientError, TimeoutError) as error:
                if response is None:
                    raise web.HTTPBadGateway(
                        text="The Dask cluster's dashboard does not respond."
                    ) from error
                if request.transport is not None:  # the browser must not take it for complete
                    request.transport.close()
        return response

    async def websocket(
        self,
        request: web.Request,
        url: str,
        identity: Identity,
        is_allowed: Callable[[], Awaitable[bool]],
    ) -> web.WebSocketResponse:
        """Join a websocket of a user to one of the scheduler; returns when either has ended.

        Args:
            request: The request.
            url: The URL of the scheduler's websocket.
            identity: The user.
            is_allowed: Whether the user still has access.

        Raises:
            HTTPTooManyRequests: The user has too many at the same time.
            HTTPBadGateway: The scheduler does not respond.
        """
        wanted = [
            word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        ]
        with self._counted(identity):
            try:
                dashboard = await self._session.ws_connect(
                    url,
                    protocols=[each for each in wanted if each],
                    max_msg_size=_MAX_MESSAGE,
                    headers={"Origin": url},
                )
            except (aiohttp.ClientError, TimeoutError) as error:
                raise web.HTTPBadGateway(
                    text="The Dask cluster's dashboard does not respond."
                ) from error
            async with dashboard:
                chosen = [dashboard.protocol] if dashboard.protocol else []
                browser = web.WebSocketResponse(
                    protocols=chosen, max_msg_size=_MAX_MESSAGE, compress=False, heartbeat=30
                )
                await browser.prepare(request)
                self._sockets.add(browser)
                try:
                    await _join(browser, dashboard, is_allowed)
                finally:
                    self._sockets.discard(browser)
        return browser

    @contextlib.contextmanager
    def _counted(self, identity: Identity) -> Iterator[None]:
        user = identity.cluster_user
        if self._open[user] >= MOST:
            raise web.HTTPTooManyRequests(text="Too many pages of dashboards are open.")
        self._open[user] += 1
        try:
            yield
        finally:
            self._open[user] -= 1
            self._open += Counter()  # forgets users without any


async def _join(
    browser: web.WebSocketResponse,
    dashboard: aiohttp.ClientWebSocketResponse,
    is_allowed: Callable[[], Awaitable[bool]],
) -> None:
    """Pass messages in both directions until either side has closed, or access has ended."""

    async def check() -> None:
        while await is_allowed():
            await asyncio.sleep(_CHECK)

    async with task_group() as group:
        work = [
            group.create_task(_pass(browser, dashboard)),
            group.create_task(_pass(dashboard, browser)),
            group.create_task(check()),
        ]
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for each in work:
            each.cancel()
    await browser.close()


async def _pass(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    sink: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    with contextlib.suppress(ConnectionError):  # the other side has just closed
        async for message in source:
            if message.type is WSMsgType.TEXT:
                await sink.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await sink.send_bytes(message.data)


def _passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of one side that the other one gets."""
    named = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _NOT_PASSED | named
    )

"""The dashboards' pages in this process, with a hub and a scheduler that tests write."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
from aiohttp import WSMsgType, web
from cryptography.fernet import Fernet
from dask_gateway_server.models import ClusterStatus

from server.fake_hub import SCOPE, FakeHub
from yarnhub.server.dask_gateway.browser_login import BrowserLogin
from yarnhub.server.dask_gateway.dashboards import Dashboards
from yarnhub.server.dask_gateway.identities import HubIdentities
from yarnhub.server.dask_gateway.relay import Relay
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.login import HubLogin
from yarnhub.server.hub.oauth import HubOAuth, OAuthClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PREFIX = "/services/dask-gateway/"
OAUTH = OAuthClient(
    hub_url="/hub/",
    client_id="service-dask-gateway",
    callback=f"{PREFIX}oauth_callback",
    home=PREFIX,
)


class Dashboard:
    """A scheduler's dashboard, which tells what it got."""

    def __init__(self) -> None:
        self.headers: list[Any] = []

    async def show(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(request.headers)
        if request.headers.get("Upgrade") == "websocket":
            return await self._echo(request)
        answer = {"path": request.path, "query": request.query_string}
        headers = {"Set-Cookie": "hub=stolen; Path=/", "X-Own": "1"}
        return web.json_response(answer, headers=headers)

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["bokeh"])
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{message.data}!")
            else:
                await socket.send_bytes(message.data[::-1])
        return socket


class Backend:
    """dask-gateway's, with one cluster of alice's."""

    def __init__(self, dashboard_address: str) -> None:
        self.cluster = SimpleNamespace(
            username="alice", status=ClusterStatus.RUNNING, dashboard_address=dashboard_address
        )

    async def get_cluster(self, name: str) -> Any:
        return self.cluster if name == "c1" else None


@dataclass
class Served:
    """What is served.

    Attributes:
        client: A browser without a login; it keeps cookies.
    """

    url: str
    hub: FakeHub
    backend: Backend
    dashboard: Dashboard
    client: httpx.AsyncClient

    async def get(self, path: str, token: str = "", **headers: str) -> httpx.Response:
        """Request a page; a header's name has underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            named["Authorization"] = f"token {token}"
        return await self.client.get(f"{PREFIX}{path}", headers=named)

    async def log_in(self, path: str, token: str) -> httpx.Response:
        """Open a page in a browser, and log in at the hub as the user of a token."""
        to_hub = await self.get(path)
        assert to_hub.status_code == 302
        return await self.client.get(self.hub.authorize(to_hub.headers["Location"], token))


@contextlib.asynccontextmanager
async def serving(address: str | None = None) -> AsyncIterator[Served]:
    """Serve for as long as the block runs.

    Args:
        address: Where the cluster's dashboard is, if not in this process.
    """
    hub, dashboard = FakeHub(), Dashboard()
    async with contextlib.AsyncExitStack() as stack:
        to_hub = httpx.AsyncClient(transport=httpx.MockTransport(hub.respond))
        await stack.enter_async_context(to_hub)
        if address is None:
            of_dashboard = web.Application()
            of_dashboard.add_routes([web.get("/{path:.*}", dashboard.show)])
            address = await stack.enter_async_context(_running(of_dashboard))
        backend = Backend(address)
        of_hub = HubAddress(
            api_url="http://hub/hub/api", api_token="service", scopes=frozenset({SCOPE})
        )
        identities = HubIdentities(HubLogin(of_hub, to_hub, fresh=0), {SCOPE}, str, {"hdfs"})
        oauth = HubOAuth(of_hub, OAUTH, to_hub)
        login = BrowserLogin(oauth, identities, Fernet.generate_key().decode())
        relay = Relay()
        app = web.Application()
        app.add_routes(Dashboards(PREFIX, backend, login, relay).routes())
        app.on_shutdown.append(relay.close_websockets)
        app.cleanup_ctx.append(relay.running)
        url = await stack.enter_async_context(_running(app))
        client = httpx.AsyncClient(base_url=url, trust_env=False)
        await stack.enter_async_context(client)
        yield Served(url, hub, backend, dashboard, client)


@contextlib.asynccontextmanager
async def _running(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

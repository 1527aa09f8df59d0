"""The dashboards' pages in this process, with a hub and a scheduler that tests write."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
from aiohttp import WSMsgType, web
from cryptography.fernet import Fernet
from dask_gateway_server.models import ClusterStatus
from jupyterhub.httpclient import JupyterHubHTTPClient
from jupyterhub.services.auth import HubOAuth

from yarnhub.server.dask_gateway.browser_login import BrowserLogin
from yarnhub.server.dask_gateway.dashboards import Dashboards
from yarnhub.server.dask_gateway.identities import HubIdentities
from yarnhub.server.dask_gateway.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PREFIX = "/services/dask-gateway/"
SCOPE = "access:services!service=dask-gateway"


@dataclass
class FakeHub:
    """What a hub answers; `tests/hub/test_dask.py` has a real one."""

    users: dict[str, str] = field(default_factory=lambda: {"a": "alice", "b": "bob"})
    """By token."""
    scopes: dict[str, list[str]] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)
    """Of logins that have begun, by the code."""
    broken: bool = False

    async def user(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=500)
        token = request.headers["Authorization"].removeprefix("token ")
        name = self.users.get(token)
        if name is None:
            return web.json_response({"message": "Forbidden"}, status=403)
        kind = "service" if name.startswith("service:") else "user"
        scopes = self.scopes.get(token, [SCOPE])
        return web.json_response({"kind": kind, "name": name, "scopes": scopes, "groups": []})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if self.challenges.pop(str(form["code"]), None) != challenge:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": str(form["code"])})

    def log_in(self, address: str, token: str) -> str:
        """What the hub's login does with a user of this token: where it sends the browser."""
        asked = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        self.challenges[token] = asked["code_challenge"]
        return f"{asked['redirect_uri']}?code={token}&state={asked['state']}"


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
    oauth: Any
    client: httpx.AsyncClient

    async def get(self, path: str, token: str = "", **headers: str) -> httpx.Response:
        """Request a page; a header's name has underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            named["Authorization"] = f"token {token}"
        return await self.client.get(f"{PREFIX}{path}", headers=named)

    def forget(self) -> None:
        """Have the hub be asked again, as it is after a while."""
        self.oauth.cache.clear()

    async def log_in(self, path: str, token: str) -> httpx.Response:
        """Open a page in a browser, and log in at the hub as the user of a token."""
        to_hub = await self.get(path)
        assert to_hub.status_code == 302
        return await self.client.get(self.hub.log_in(to_hub.headers["Location"], token))


@contextlib.asynccontextmanager
async def serving(address: str | None = None) -> AsyncIterator[Served]:
    """Serve for as long as the block runs.

    Args:
        address: Where the cluster's dashboard is, if not in this process.
    """
    hub, dashboard = FakeHub(), Dashboard()
    async with contextlib.AsyncExitStack() as stack:
        of_hub = web.Application()
        of_hub.add_routes(
            [web.get("/hub/api/user", hub.user), web.post("/hub/api/oauth2/token", hub.token)]
        )
        hub_url = await stack.enter_async_context(_running(of_hub))
        if address is None:
            of_dashboard = web.Application()
            of_dashboard.add_routes([web.get("/{path:.*}", dashboard.show)])
            address = await stack.enter_async_context(_running(of_dashboard))
        backend = Backend(address)
        oauth = HubOAuth(
            api_url=f"{hub_url}/hub/api",
            api_token="service's",
            access_scopes={SCOPE},
            base_url=PREFIX,
            oauth_client_id="service-dask-gateway",
        )
        stack.push_async_callback(JupyterHubHTTPClient.loop_instance().close)
        identities = HubIdentities(oauth, str, {"hdfs"})
        login = BrowserLogin(oauth, identities, Fernet.generate_key().decode())
        relay = Relay()
        app = web.Application()
        app.add_routes(Dashboards(PREFIX, backend, login, relay).routes())
        app.on_shutdown.append(relay.close_websockets)
        app.cleanup_ctx.append(relay.running)
        url = await stack.enter_async_context(_running(app))
        client = httpx.AsyncClient(base_url=url, trust_env=False)
        await stack.enter_async_context(client)
        yield Served(url, hub, backend, dashboard, oauth, client)


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

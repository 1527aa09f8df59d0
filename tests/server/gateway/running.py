"""The whole service in this process, with kernels in fake containers and a hub of the test's."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from tornado import web
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.websocket import websocket_connect
from traitlets.config import Config

from integrations.kernels.fake_holder import FakeHolder
from integrations.kernels.servers import Client, install_kernelspec
from server.fake_hub import FakeHub
from yarnhub.cluster.ports import choose_ports
from yarnhub.server.gateway.app import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from yarnhub.server.gateway.service import Service
    from yarnhub.server.gateway.user_environments import LookUp


@contextlib.asynccontextmanager
async def serving_hub(hub: FakeHub) -> AsyncIterator[dict[str, str]]:
    """Serve a hub's REST API; yields the variables that it sets for a service."""

    class Handler(web.RequestHandler):
        def get(self) -> None:
            request = httpx.Request("GET", self.request.full_url(), headers=self.request.headers)
            answer = hub.answer(request)
            self.set_status(answer.status_code)
            self.write(answer.content or b"{}")

    http = HTTPServer(web.Application([(".*", Handler)]))
    (listening,) = bind_sockets(0, "127.0.0.1")
    # Not one of those that the system gives out until it is used.
    (port,) = choose_ports(["gateway"], {}).values()
    http.add_socket(listening)
    try:
        yield {
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{listening.getsockname()[1]}/hub/api",
            "JUPYTERHUB_API_TOKEN": "service",
            "JUPYTERHUB_SERVICE_NAME": "gateway",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/gateway/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
        }
    finally:
        http.stop()
        await http.close_all_connections()


@dataclass
class Running:
    """A running service."""

    url: str
    hub: FakeHub
    folder: Path
    client: httpx.AsyncClient
    service: Service
    holders: list[FakeHolder] = field(default_factory=list)

    async def request(self, token: str, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"token {token}"}
        return await self.client.request(method, f"{self.url}{path}", headers=headers, **kwargs)

    async def start(self, token: str, **body: Any) -> str:
        answer = await self.request(token, "POST", "api/kernels", json={"name": "cluster"} | body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def state(self, token: str, kernel: str) -> str:
        model = (await self.request(token, "GET", f"api/kernels/{kernel}")).json()
        return str(model.get("execution_state", "gone"))

    @contextlib.asynccontextmanager
    async def connected(self, token: str, kernel: str, session: str = "s") -> AsyncIterator[Client]:
        client = Client(session)
        url = f"ws{self.url.removeprefix('http')}api/kernels/{kernel}/channels"
        headers = {"Authorization": f"token {token}"}
        client.gone = False
        client.socket = await websocket_connect(
            HTTPRequest(f"{url}?session_id={session}", headers=headers)
        )
        try:
            yield client
        finally:
            await client.close()

    @property
    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit.jsonl").read_text().splitlines()]


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *,
    hub: FakeHub | None = None,
    make: Callable[[Path], FakeHolder] = FakeHolder,
    end: bool = True,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    look_up: LookUp | None = None,
    **traits: Any,
) -> AsyncIterator[Running]:
    """Serve for as long as the block runs.

    Args:
        folder: The folder of the service; a later one with the same folder finds its kernels again.
        hub: The hub; by default one of its own.
        make: Constructs the holder.
        end: Whether the kernels are ended after the block.
        config: Settings of other classes.
        look_up: Looks up users' environments.
        traits: Settings of the service.
    """
    hub = hub or FakeHub()
    holders: list[FakeHolder] = []
    install_kernelspec(folder / "specs")
    settings = Config(config or {})
    settings.KernelGateway.folder = str(folder / "state")
    settings.KernelGateway.kernelspec_folders = [str(folder / "specs" / "kernels")]
    settings.KernelGateway.update(traits)

    def remembering(own: Path) -> FakeHolder:
        holders.append(make(own))
        return holders[-1]

    async with (
        serving_hub(hub) as environment,
        httpx.AsyncClient(timeout=30, trust_env=False) as client,
        serve(settings, environment, remembering, look_up) as serving,
    ):
        try:
            yield Running(serving.url, hub, folder / "state", client, serving.service, holders)
        finally:
            if end:
                for each in holders:
                    for kernel in each.kernels():
                        await kernel.stop()


async def until(service: Running, token: str, kernel: str, state: str) -> None:
    async with asyncio.timeout(30):
        while await service.state(token, kernel) != state:
            await asyncio.sleep(0.02)


async def ready(service: Running, token: str, *kernels: str) -> None:
    for kernel in kernels:
        async with service.connected(token, kernel) as client:
            await client.result("1")
        await until(service, token, kernel, "idle")

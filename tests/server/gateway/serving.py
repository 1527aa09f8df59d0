"""A gateway in this process, with kernels that are local processes and a hub that tests write."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httpclient import HTTPRequest
from tornado.netutil import bind_sockets
from tornado.websocket import websocket_connect
from traitlets.config import Config

from server.fake_hub import SCOPE, FakeHub
from yarnhub.server.audit import AuditLog
from yarnhub.server.gateway.identity import GatewayIdentityProvider
from yarnhub.server.gateway.kernelspec_policy import KernelspecPolicy
from yarnhub.server.gateway.metrics import Metrics
from yarnhub.server.gateway.owners import Owners
from yarnhub.server.gateway.service import Service
from yarnhub.server.gateway.web import application, server
from yarnhub.server.gateway.websockets import Websockets
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.login import HubLogin
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limits, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


GIB = 2**30


@dataclass
class Gateway:
    """A running gateway."""

    url: str
    hub: FakeHub
    service: Service
    audit: Path
    client: httpx.AsyncClient
    opened: list[Any] = field(default_factory=list)

    async def request(self, user: str, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"token {user}"} if user else {}
        headers |= kwargs.pop("headers", {})
        return await self.client.request(method, f"{self.url}{path}", headers=headers, **kwargs)

    async def start(self, user: str, **body: Any) -> str:
        answer = await self.request(user, "POST", "/api/kernels", json={"name": "python3"} | body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def websocket(self, user: str, kernel: str, session: str = "s") -> Any:
        url = f"ws{self.url.removeprefix('http')}/api/kernels/{kernel}/channels"
        request = HTTPRequest(
            f"{url}?session_id={session}", headers={"Authorization": f"token {user}"}
        )
        opened: Any = await websocket_connect(request, ping_interval=None)
        self.opened.append((opened, opened.protocol.stream))
        return opened

    async def close(self) -> None:
        """Close the websockets."""
        for each, stream in self.opened:
            each.close()
            while not stream.closed():  # tornado waits until each message has been read
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await each.read_message()


@contextlib.asynccontextmanager
async def gateway(
    folder: Path,
    *,
    limits: Limits | None = None,
    policy: KernelspecPolicy | None = None,
    sizes: Mapping[str, Size] | None = None,
    allowed_env: tuple[str, ...] = ("KERNEL_*",),
    metrics_token: str = "",
    websockets: tuple[int, int] = (10, 20),
    fresh: float = 0.0,
) -> AsyncIterator[Gateway]:
    """Serve a gateway for as long as the block runs; in the end all of its kernels are gone."""
    hub = FakeHub()
    address = HubAddress(
        api_url="http://hub/hub/api", api_token="service", scopes=frozenset({SCOPE})
    )
    config = Config()
    manager = AsyncMappingKernelManager(
        config=config,
        connection_dir=str(folder),
        root_dir=str(folder),
        use_pending_kernels=True,
    )
    owners = Owners(manager)
    audit = folder / "audit.jsonl"
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(hub.answer)) as hub_client,
        httpx.AsyncClient(timeout=30, trust_env=False) as client,
    ):
        service = Service(
            manager=manager,
            specs=KernelSpecManager(allowed_kernelspecs={"python3"}),
            identities=GatewayIdentityProvider(
                HubLogin(address, hub_client, fresh),
                kerberos=False,
                cluster_user=str,
                denied=("root",),
                with_groups=policy is not None,
            ),
            owners=owners,
            policy=policy or KernelspecPolicy(),
            limits=limits or Limits(kind=KERNELS),
            is_offered=lambda _: True,
            size_of=lambda *named: (sizes or {}).get(
                named[3].get("KERNEL_SIZE", ""), Size(memory=GIB, vcores=1)
            ),
            allowed_env=allowed_env,
            audit=AuditLog(audit, time.monotonic),
            metrics=Metrics(owners.states),
            metrics_token=metrics_token,
            websockets=Websockets(*websockets),
        )
        app = application(
            service, config, base_url="/", websocket_class=ZMQChannelsWebsocketConnection
        )
        http = server(app, None)
        (socket,) = bind_sockets(0, "127.0.0.1")
        http.add_socket(socket)
        try:
            async with service.tasks:
                url = f"http://127.0.0.1:{socket.getsockname()[1]}"
                served = Gateway(url, hub, service, audit, client)
                try:
                    yield served
                finally:
                    await served.close()
        finally:
            service.websockets.close_all(1001, "the test ends")
            http.stop()
            await http.close_all_connections()
            await ZMQChannelsWebsocketConnection.close_all()
            close_buffers(manager)
            await manager.shutdown_all(now=True)
            manager.context.destroy(linger=0)


def close_buffers(manager: Any) -> None:
    """Close what jupyter_server keeps open for clients that have left, until its process ends."""
    for buffer in manager._kernel_buffers.values():
        for stream in buffer["channels"].values():
            stream.close()
    manager._kernel_buffers.clear()

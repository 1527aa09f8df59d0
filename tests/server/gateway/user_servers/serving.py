"""The kernel service with a stub for a holder, which can be killed and started again."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import jupyterhub.services.auth  # noqa: F401  # else the first request takes as long as this
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.netutil import bind_sockets
from traitlets.config import Config

from server.fake_hub import SCOPE, FakeHub
from server.gateway.published import Hdfs
from server.gateway.user_servers.stub_holder import StubHolder
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import YarnhubError
from yarnhub.base.retry import RetryPolicy
from yarnhub.cluster.ports import choose_ports
from yarnhub.integrations.kernels.gateway_holder import GatewayHolder
from yarnhub.integrations.kernels.gateway_settings import GatewaySettings
from yarnhub.server.audit import AuditLog
from yarnhub.server.gateway.identity import GatewayIdentityProvider
from yarnhub.server.gateway.kernelspec_policy import Audience, KernelspecPolicy
from yarnhub.server.gateway.metrics import Metrics
from yarnhub.server.gateway.owners import Owners
from yarnhub.server.gateway.service import Service
from yarnhub.server.gateway.user_environments import Budget, UserEnvironments
from yarnhub.server.gateway.user_servers.kernels import ServerKernels
from yarnhub.server.gateway.user_servers.routes import add_server_routes
from yarnhub.server.gateway.web import application, server
from yarnhub.server.gateway.websockets import Websockets
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.login import HubLogin
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from yarnhub.kernels.kernel import KernelHolder

QUICK = RetryPolicy(first_delay=0.05, max_delay=0.1)
POLICY = KernelspecPolicy({"secret": Audience(users=frozenset({"bob"}))})


@dataclass
class Running:
    """A service that can be killed and started again at the same address.

    Attributes:
        holder: What holds its kernels; tests replace it for the next process.
        hdfs: What users have published.
        ready: Whether it has found its kernels.
    """

    folder: Path
    holder: KernelHolder
    limits: Limits
    http: httpx.AsyncClient
    tls: ssl.SSLContext | None = None
    hub: FakeHub = field(default_factory=FakeHub)
    ready: bool = True
    websockets: int = 100
    cluster_user: Callable[[str], str] = "{}1".format
    # Not one of those that the system gives out while it is not running.
    port: int = field(default_factory=lambda: choose_ports(["service"], {})["service"])
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def stub(self) -> StubHolder:
        assert isinstance(self.holder, StubHolder)
        return self.holder

    def settings(self, token: str = "a", ca: str = "") -> GatewaySettings:
        return GatewaySettings(url=self.url, token=lambda: token, ca=ca)

    def client(self, token: str = "a") -> GatewayHolder:
        return GatewayHolder(self.settings(token), QUICK)

    async def request(self, user: str, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"token {user}"} if user else {}
        headers |= kwargs.pop("headers", {})
        url = f"{self.url}/yarnhub/api/{path}"
        return await self.http.request(method, url, headers=headers, **kwargs)

    def __post_init__(self) -> None:
        self.hdfs = Hdfs(self.folder / "hdfs")

    async def start(self) -> None:
        stack = self._stack = contextlib.AsyncExitStack()
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.MockTransport(self.hub.answer))
        )
        manager = AsyncMappingKernelManager(
            config=Config(), connection_dir=str(self.folder), root_dir=str(self.folder)
        )
        self.service = self._service(manager, client)
        app = application(
            self.service, Config(), base_url="/", websocket_class=ZMQChannelsWebsocketConnection
        )
        self.kernels = ServerKernels(self.service, self._find)
        add_server_routes(app, self.kernels, "/")
        http = server(app, self.tls)
        (socket,) = bind_sockets(self.port, "127.0.0.1")
        self.port = socket.getsockname()[1]
        http.add_socket(socket)
        stack.push_async_callback(http.close_all_connections)
        stack.push_async_callback(self.service.tasks.aclose)
        stack.callback(lambda: self.service.websockets.close_all(1012, "restart"))
        stack.callback(http.stop)

    async def kill(self) -> None:
        await self._stack.aclose()

    async def _find(self) -> KernelHolder:
        if not self.ready:
            raise YarnhubError("YARN does not respond")
        return self.holder

    def _service(self, manager: Any, client: httpx.AsyncClient) -> Service:
        address = HubAddress(
            api_url="http://hub/hub/api", api_token="service", scopes=frozenset({SCOPE})
        )
        owners, tasks = Owners(manager), BackgroundTasks()
        return Service(
            manager=manager,
            specs=KernelSpecManager(
                kernel_dirs=[str(self.folder / "kernels")], ensure_native_kernel=False
            ),
            identities=GatewayIdentityProvider(
                HubLogin(address, client, 30.0),
                kerberos=False,
                cluster_user=self.cluster_user,
                denied=("root",),
                with_groups=False,
            ),
            owners=owners,
            policy=POLICY,
            limits=self.limits,
            is_offered=lambda _: True,
            size_of=lambda *_: NotImplemented,
            allowed_env=("KERNEL_*",),
            audit=AuditLog(self.folder / "audit.jsonl", time.monotonic),
            metrics=Metrics(owners.states),
            websockets=Websockets(self.websockets, 10 * self.websockets),
            tasks=tasks,
            environments=UserEnvironments(self.hdfs, tasks, Budget(fresh=0.0, wait=30.0)),
        )


@contextlib.asynccontextmanager
async def running(
    folder: Path, holder: KernelHolder | None = None, limits: Limits | None = None, **more: Any
) -> AsyncIterator[Running]:
    bounds = httpx.Limits(max_connections=500, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=bounds) as http:
        service = Running(
            folder, holder or StubHolder(), limits or Limits(kind=KERNELS), http, **more
        )
        async with _serving(service):
            yield service


@contextlib.asynccontextmanager
async def _serving(service: Running) -> AsyncIterator[None]:
    async with service.holder:
        await service.start()
        try:
            yield
        finally:
            await service.kill()

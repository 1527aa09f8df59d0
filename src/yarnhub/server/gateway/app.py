"""The service: from its configuration to the end of its process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from jupyter_client.kernelspec import KernelSpecManager

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.integrations.kernels.container_kernel import is_for_containers
from yarnhub.integrations.kernels.websocket import PatientConnection
from yarnhub.integrations.tornado_login import init_kerberos
from yarnhub.server.audit import AuditLog
from yarnhub.server.gateway.containers import size_of
from yarnhub.server.gateway.identity import GatewayIdentityProvider
from yarnhub.server.gateway.kernel_manager import GatewayKernelManager
from yarnhub.server.gateway.metrics import Metrics
from yarnhub.server.gateway.service import Service
from yarnhub.server.gateway.shared_holdings import SharedHoldings
from yarnhub.server.gateway.traits import KernelGateway, read_traits
from yarnhub.server.gateway.user_environments import LookUpInHdfs, UserEnvironments
from yarnhub.server.gateway.user_servers.culling import IdleKernels
from yarnhub.server.gateway.user_servers.kernels import ServerKernels
from yarnhub.server.gateway.user_servers.routes import add_server_routes
from yarnhub.server.gateway.web import application, server
from yarnhub.server.gateway.websockets import Websockets
from yarnhub.server.hub.environment import read_hub_environment
from yarnhub.server.hub.login import HubLogin
from yarnhub.server.listening import bind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from traitlets.config import Config

    from yarnhub.kernels.kernel import KernelHolder
    from yarnhub.server.gateway.user_environments import LookUp
    from yarnhub.server.hub.environment import HubEnvironment

_log = logging.getLogger(__name__)

RESTARTED = 1012
"""RFC 6455's registry: the service restarts. Clients connect again."""
_CHECK = 60.0
"""Seconds between two checks whether the tokens of open websockets were revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A service that runs.

    Attributes:
        url: Its URL.
        service: Its parts.
    """

    url: str
    service: Service


@contextlib.asynccontextmanager
async def serve(
    config: Config,
    environment: Mapping[str, str],
    holder: Callable[[Path], KernelHolder] | None = None,
    look_up: LookUp | None = None,
) -> AsyncIterator[Serving]:
    """Serve for as long as the block runs.

    Leaving the block ends no kernel.

    Args:
        config: The configuration.
        environment: The variables of the process.
        holder: Constructs what holds the kernels, for a folder; by default their ApplicationMasters
            run in this process.
        look_up: Looks up the environments that a user can read; by default in HDFS, not at all if
            `holder` is given.

    Raises:
        ConfigurationError: The configuration is invalid, or nobody could authenticate.
        OSError: The address or the folder cannot be used.
    """
    traits = read_traits(config)
    hub = read_hub_environment(environment)
    if hub is None and not traits.spnego_keytab:
        raise ConfigurationError(
            "Nobody could authenticate: run this as a service of JupyterHub, or set "
            "KernelGateway.spnego_keytab"
        )
    if traits.spnego_keytab:
        _init_spnego(traits, environment)
    tls = _tls(traits, hub)
    metrics_token = traits.metrics_token()
    folder = _state_folder(traits)
    if holder is None:
        settings = _settings(traits, environment)
        holder = _local_holder(traits, settings)
        if look_up is None and traits.environments:
            look_up = LookUpInHdfs(settings)
    new_holder = holder

    def make(own: Path) -> KernelHolder:
        made = new_holder(own)
        made.room = kernels.room  # kernels ask as soon as they are found
        return made

    async with contextlib.AsyncExitStack() as stack:
        ip, port = (hub.ip, hub.port) if hub is not None and hub.ip else (traits.ip, traits.port)
        sockets = bind(ip, port, is_private=tls is not None or traits.allow_plain_http)
        for each in sockets:
            stack.callback(each.close)
        service = await stack.enter_async_context(
            _service(traits, config, hub, folder, make, metrics_token, look_up)
        )
        prefix = (hub.prefix if hub is not None else "") or traits.base_url
        base_url = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
        app = application(service, config, base_url=base_url, websocket_class=PatientConnection)
        kernels = ServerKernels(service, service.manager.holding.holder)
        service.manager.cull_others = IdleKernels(kernels, time.time).cull  # noqa: TID251
        add_server_routes(app, kernels, base_url)
        http = server(app, tls, behind_proxy=hub is not None)
        http.add_sockets(sockets)
        host, port = sockets[0].getsockname()[:2]
        url = f"{'http' if tls is None else 'https'}://{host}:{port}{base_url}"
        _log.info("the kernel service listens on %s", url)
        try:
            yield Serving(url=url, service=service)
        finally:
            http.stop()
            service.websockets.close_all(RESTARTED, "the service is being restarted")
            await http.close_all_connections()


async def run(config: Config, environment: Mapping[str, str]) -> None:
    """Serve until the process gets SIGTERM or SIGINT; see `serve`."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    async with serve(config, environment):
        await end.wait()
        _log.info("the kernel service stops; kernels keep running")


@contextlib.asynccontextmanager
async def _service(
    traits: KernelGateway,
    config: Config,
    hub: HubEnvironment | None,
    folder: Path,
    make: Callable[[Path], KernelHolder],
    metrics_token: str,
    look_up: LookUp | None,
) -> AsyncIterator[Service]:
    """The parts of the service, without its web application."""
    verify: Any = True if hub is None or hub.client_tls is None else hub.client_tls
    async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
        specs = _kernelspecs(traits, config)
        audit = AuditLog(Path(traits.audit_log or folder / "audit.jsonl"), time.monotonic)
        manager = GatewayKernelManager(
            audit,
            config=config,
            folder=str(folder / "kernels"),
            connection_dir=str(_private(folder / "connections")),
            root_dir=str(_private(folder / "root")),
            holder_factory=make,
            kernel_spec_manager=specs,
        )
        websockets = Websockets(traits.connections_per_user, traits.connections)
        tasks = BackgroundTasks()
        environments = UserEnvironments(look_up, tasks) if look_up is not None else None
        service = Service(
            manager=manager,
            specs=specs,
            identities=GatewayIdentityProvider(
                HubLogin(hub.hub, client) if hub is not None else None,
                kerberos=bool(traits.spnego_keytab),
                cluster_user=traits.cluster_user or str,
                denied=traits.denied_users,
                with_groups=traits.uses_groups,
            ),
            owners=manager.owners,
            policy=traits.policy(),
            limits=traits.limits(),
            shared_limits=traits.shared_limits(),
            others=_others(traits, folder),
            is_offered=is_for_containers,
            size_of=size_of,
            allowed_env=tuple(traits.allowed_env),
            audit=audit,
            metrics=_metrics(manager, websockets, audit, environments),
            metrics_token=metrics_token,
            websockets=websockets,
            tasks=tasks,
            environments=environments,
            environment_config=traits.environment_config,
        )
        manager.initialize_culler()
        try:
            async with service.tasks:
                await service.shared_limits.start(service.tasks)
                _ = service.tasks.start(_check_tokens(service), "revoked tokens")
                yield service
        finally:
            await manager.shutdown_all()


async def _check_tokens(service: Service) -> None:
    while True:
        await asyncio.sleep(_CHECK)
        await service.websockets.close_invalid(service.identities.is_valid)


def _metrics(
    manager: GatewayKernelManager,
    websockets: Websockets,
    audit: AuditLog,
    environments: UserEnvironments | None,
) -> Metrics:
    gauges = (
        ("yarnhub_gateway_websockets", "Open connections to kernels", lambda: len(websockets)),
        (
            "yarnhub_gateway_memory_bytes",
            "Memory of kernels and of their Spark sessions",
            lambda: manager.owners.total().memory,
        ),
        (
            "yarnhub_gateway_vcores",
            "Virtual cores of kernels and of their Spark sessions",
            lambda: manager.owners.total().vcores,
        ),
        ("yarnhub_gateway_audit_lost", "Lines that the audit log lacks", lambda: audit.lost),
        (
            "yarnhub_gateway_environments_failed",
            "Users whose environments could not be read at the last attempt",
            lambda: environments.failed if environments is not None else 0,
        ),
    )
    return Metrics(manager.owners.states, gauges)


def _kernelspecs(traits: KernelGateway, config: Config) -> Any:
    """The kernelspecs; Jupyter's own Python would run on this host."""
    folders = {"kernel_dirs": traits.kernelspec_folders} if traits.kernelspec_folders else {}
    return KernelSpecManager(config=config, ensure_native_kernel=False, **folders)


def _state_folder(traits: KernelGateway) -> Path:
    folder = Path(traits.folder).absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _others(traits: KernelGateway, folder: Path) -> SharedHoldings:
    """What users hold at the other processes; this one is recognized by its host and folder."""
    shared = Path(traits.shared_folder).absolute() if traits.shared_folder else None
    return SharedHoldings(shared, f"{socket.gethostname()}:{folder}", time.time)  # noqa: TID251


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _settings(traits: KernelGateway, environment: Mapping[str, str]) -> Settings:
    """The cluster, and the service's login."""
    if bool(traits.principal) != bool(traits.keytab):
        raise ConfigurationError("set KernelGateway.principal and KernelGateway.keytab, or neither")
    return Settings.of_login(environment, traits.keytab or None, traits.principal or None)


def _local_holder(traits: KernelGateway, settings: Settings) -> Callable[[Path], KernelHolder]:
    """Constructs the holder whose ApplicationMasters run in this process."""
    from yarnhub.kernels.local_holder import LocalKernelHolder

    host = traits.application_master_host or socket.getfqdn()
    return lambda folder: LocalKernelHolder(settings, folder=folder / "held", host=host)


def _init_spnego(traits: KernelGateway, environment: Mapping[str, str]) -> None:
    try:
        init_kerberos(environment, traits.spnego_keytab, hostname=traits.spnego_host or None)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigurationError(f"KernelGateway.spnego_keytab: {error}") from error


def _tls(traits: KernelGateway, hub: HubEnvironment | None) -> ssl.SSLContext | None:
    if not traits.certfile:
        return hub.server_tls if hub is not None else None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(traits.certfile, traits.keyfile or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"KernelGateway.certfile cannot be used: {error}") from error
    return context

"""The service: from its configuration to the end of its process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from starlette.routing import Match, Mount

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.database.connections import Database
from yarnhub.database.limits import LimitStore
from yarnhub.database.location import Location
from yarnhub.database.usage import UsageStore
from yarnhub.environments.local_build.site import read_site_file
from yarnhub.hadoop.security.acceptor import TicketAcceptor
from yarnhub.server.audit import AuditLog
from yarnhub.server.configuration import configured
from yarnhub.server.hub.environment import read_hub_environment
from yarnhub.server.hub.login import HubLogin
from yarnhub.server.hub.oauth import HubOAuth
from yarnhub.server.hub.servers import HubServers
from yarnhub.server.listening import bind
from yarnhub.server.platform import (
    applications,
    audit_lines,
    builds,
    cluster,
    description,
    environments,
    health,
    limits,
    logs,
    metrics,
    servers,
    usage,
)
from yarnhub.server.platform.browser_sessions import Sessions
from yarnhub.server.platform.build_limits import BuildLimits
from yarnhub.server.platform.collector import spare
from yarnhub.server.platform.metrics import Measured, Metrics
from yarnhub.server.platform.negotiation import Negotiated, Negotiation
from yarnhub.server.platform.pages import app as pages
from yarnhub.server.platform.problems import add_handlers, problem
from yarnhub.server.platform.service import Service, Slots
from yarnhub.server.platform.traits import Platform
from yarnhub.server.platform.usage_recorder import RecorderOptions, UsageRecorder
from yarnhub.server.platform.user_environments import ClusterEnvironments
from yarnhub.server.platform.viewers import Viewers
from yarnhub.sessions.shared_limits import SharedLimits
from yarnhub.watch.application_watch import ApplicationWatch
from yarnhub.watch.cluster import ClusterLook
from yarnhub.watch.table import ApplicationTable
from yarnhub.watch.views import Views
from yarnhub.watch.visibility import AccessList

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from typing import NoReturn

    from starlette.types import Receive, Scope, Send
    from traitlets.config import Config

    from yarnhub.environments.local_build.site import BuildSite
    from yarnhub.server.hub.environment import HubEnvironment
    from yarnhub.watch.application_watch import Source

_log = logging.getLogger(__name__)

_MAX_CONNECTIONS = 1000
_MAX_HEADERS = 72 * 1024
"""Bytes of the headers of a request. A ticket of Active Directory lists all groups of its user, in
48 000 bytes at most by default (MaxTokenSize), of which base64 makes 64 000."""
_IDLE = 75
"""Seconds for which a connection without requests stays open."""
_STOP = 25
"""Seconds for requests that run when the service is stopped."""
STREAMS, CALLS = (20, 200), (4, 40)
"""Streams of events, and requests to YARN or to the hub, that are open at the same time: of a user,
and in total."""
QUERIES, DOWNLOADS = (2, 4), (1, 2)
"""The same for usage: documents, and files. The recorder needs a connection, too."""
ENVIRONMENT_CALLS, STARTS = (2, 8), (1, 4)
"""The same for environments, whose owners decide how large they are: requests to HDFS, and builds
that are being submitted."""


def application(service: Service) -> FastAPI:
    """The ASGI application of a service.

    Args:
        service: Its parts; the caller runs its watch.
    """
    prefix = service.prefix
    app = FastAPI(
        title=description.TITLE,
        version="1",
        summary=description.SUMMARY,
        description=description.DESCRIPTION,
        openapi_tags=description.TAGS,
        generate_unique_id_function=description.name_of,
        openapi_url=f"{prefix}{description.VERSION}/openapi.json",
        docs_url=None,  # their scripts are on another server
        redoc_url=None,
        redirect_slashes=False,  # the proxy's address and https would be lost
    )
    app.state.service = service
    app.state.metrics = Metrics(service)
    app.add_middleware(Negotiated)
    app.add_middleware(Measured, metrics=app.state.metrics)
    add_handlers(app)
    for each in (health, metrics):
        app.include_router(each.router, prefix=prefix)
    for each in (
        applications,
        logs,
        environments,
        builds,
        servers,
        limits,
        audit_lines,
        cluster,
        usage,
    ):
        app.include_router(each.router, prefix=f"{prefix}{description.VERSION}")
    description.describe(app)
    app.router.routes.append(_Rest(f"{prefix}/api", _no_such_path))
    app.router.routes.append(_Rest(prefix, pages.application(service)))
    return app


class _Rest(Mount):
    """What answers the paths that no route has.

    A full match would also take the requests of a route's path with another method, which have to
    be answered with 405 and the allowed methods.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The match, which comes after each route that has the path."""
        match, child = super().matches(scope)
        return Match.PARTIAL if match is Match.FULL else match, child


async def _no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a path that the API does not have with a problem, not with a page."""
    await problem(404)(scope, receive, send)


@contextlib.asynccontextmanager
async def open_service(
    traits: Platform,
    settings: Settings,
    hub: HubEnvironment,
    source: Source | None = None,
) -> AsyncIterator[Service]:
    """The parts of the service; the caller runs its watch and its recorder.

    Args:
        traits: The settings.
        settings: The cluster, and the login that acts for the users.
        hub: The hub.
        source: What the watch asks; by default the ResourceManager.

    Raises:
        ConfigurationError: The database or a file of the settings cannot be used. A database that
            does not respond may do so later.
    """
    metrics_token, acceptor = traits.metrics_token(), _acceptor(traits)
    site = await asyncio.to_thread(_build_site, traits.build_site)
    with _of_database():
        location = Location.parse(traits.database)
    # With Kerberos, its own login would have the rights of an administrator.
    own = {settings.user_name} if settings.secure else set()
    async with (
        hub.client() as to_hub,
        Client(settings) as client,
        Database(location) as database,
        BackgroundTasks() as tasks,
    ):
        # Clients keep versions: those of an earlier process are lower.
        table = ApplicationTable(version=int(time.time() * 1000))  # noqa: TID251
        watch = ApplicationWatch(source or client.resource_manager, time.time, table)  # noqa: TID251
        store, limit_store = UsageStore(database), LimitStore(database)
        options = RecorderOptions(hours=traits.usage_days * 24)
        recorder = UsageRecorder(watch, database, store, options)
        with _of_database():
            await recorder.open()
        current_limits = SharedLimits(lambda: contextlib.nullcontext(limit_store.read))
        await current_limits.start(tasks)
        login = HubLogin(hub.hub, to_hub)
        viewers = Viewers(
            login,
            cluster_user=traits.cluster_user or str,
            denied=traits.denied_users | own,
            with_groups=bool(traits.administrator_groups),
        )
        yield Service(
            client=lambda name: Client(settings.acting_for(name)),
            viewers=viewers,
            negotiation=(
                Negotiation(acceptor, settings.configuration, viewers)
                if acceptor is not None
                else None
            ),
            administrators=AccessList(
                frozenset(traits.administrators), frozenset(traits.administrator_groups)
            ),
            watch=watch,
            cluster=ClusterLook(client.resource_manager),
            views=Views(watch.table),
            audit=AuditLog(Path(traits.audit_log) if traits.audit_log else None, time.monotonic),
            clock=time.time,  # noqa: TID251
            streams=Slots("streams", *STREAMS),
            calls=Slots("requests to YARN", *CALLS),
            environments=ClusterEnvironments(settings, site),
            environment_calls=Slots("requests for environments", *ENVIRONMENT_CALLS),
            starts=Slots("submissions of builds", *STARTS),
            database=database,
            recorder=recorder,
            usage=store,
            usage_of_others=traits.usage_of_others,
            queries=Slots("queries of usage", *QUERIES),
            downloads=Slots("downloads of usage", *DOWNLOADS),
            limits=limit_store,
            current_limits=current_limits,
            build_limits=BuildLimits(current_limits, login.groups),
            servers=HubServers(hub.hub, to_hub),
            server_calls=Slots("requests to JupyterHub", *CALLS),
            oauth=HubOAuth(hub.hub, hub.oauth, to_hub),
            sessions=Sessions(time.monotonic),
            prefix=hub.prefix.rstrip("/"),
            metrics_token=metrics_token,
        )


def _acceptor(traits: Platform) -> TicketAcceptor | None:
    """What accepts users' tickets; None if users have none."""
    if not traits.spnego_keytab:
        return None
    host = traits.spnego_host or socket.gethostname()
    try:
        return TicketAcceptor(traits.spnego_keytab, host=host)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigurationError(f"Platform.spnego_keytab: {error}") from error


def _build_site(file: str) -> BuildSite | None:
    """The site of builds; None if it is not configured. Blocks."""
    if not file:
        return None
    if find_spec("isal") is None:
        raise ConfigurationError("Platform.build_site: install `yarnhub[environments]`")
    try:
        return read_site_file(Path(file))
    except YarnhubError as error:
        raise ConfigurationError(f"Platform.build_site: {error}") from error


@contextlib.contextmanager
def _of_database() -> Iterator[None]:
    """Name the setting in errors."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"Platform.database: {error}") from error


async def run(config: Config, environment: Mapping[str, str]) -> None:
    """Serve until the process gets SIGTERM or SIGINT.

    Args:
        config: The configuration.
        environment: The variables of the process.

    Raises:
        ConfigurationError: The configuration is invalid, or it is not a service of a hub.
    """
    traits = configured(Platform, config)
    hub = read_hub_environment(environment)
    if hub is None:
        raise ConfigurationError(
            "Nobody could authenticate: run this as a service of JupyterHub, which sets "
            "JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN"
        )
    if bool(traits.principal) != bool(traits.keytab):
        raise ConfigurationError("set Platform.principal and Platform.keytab, or neither")
    try:
        settings = Settings.of_login(environment, traits.keytab or None, traits.principal or None)
    except OSError as error:
        raise ConfigurationError(f"Platform.keytab: {error}") from error
    ip, port = (hub.ip, hub.port) if hub.ip else (traits.ip, traits.port)
    sockets = bind(ip, port, is_private=hub.server_tls is not None)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    async with contextlib.AsyncExitStack() as stack:
        for each in sockets:
            stack.enter_context(each)
        service = await stack.enter_async_context(open_service(traits, settings, hub))
        _log.info("the platform listens on %s:%d", *sockets[0].getsockname()[:2])
        app = application(service)
        async with (
            serving(app, sockets, hub.server_tls),
            running(service.watch.run),
            running(service.recorder.run),
            running(lambda: spare(service.watch)),
        ):
            await end.wait()
            _log.info("the platform stops")


@contextlib.asynccontextmanager
async def running(work: Callable[[], Coroutine[Any, Any, NoReturn]]) -> AsyncIterator[None]:
    """Run something for as long as the block. A fault of it ends the block with its error."""
    async with task_group() as group:
        task = group.create_task(work())
        try:
            yield
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def serving(
    app: FastAPI, sockets: list[socket.socket], tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    """Serve an application for as long as the block; leaving it waits for requests that run.

    Args:
        app: The application.
        sockets: What it listens on; they are closed.
        tls: For HTTPS; None for plain HTTP.
    """
    config = uvicorn.Config(
        app,
        http="h11",  # limits the size of headers
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_HEADERS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_STOP,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    server = _Server(config)
    async with task_group() as group:
        group.create_task(server.serve(sockets))
        try:
            yield
        finally:
            server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals to the service, which ends its streams first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

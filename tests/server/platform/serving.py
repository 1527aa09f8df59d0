"""The platform in this process, with a ResourceManager and a hub in memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from client.logs.fake_nodes import FakeNodes
from environments.published.in_fake_hdfs import Environments
from server.fake_hub import SCOPE, FakeHub
from server.platform.memory_environments import MemoryEnvironments
from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import AccessDeniedError, QueueAccessDeniedError, RemoteError
from yarnhub.base.foreign_text import quoted
from yarnhub.client.access.settings import Settings
from yarnhub.client.explain.explanation import explain
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.client.logs.opened import open_logs
from yarnhub.database.connections import Database
from yarnhub.database.limits import LimitStore
from yarnhub.database.location import Location
from yarnhub.database.usage import UsageStore
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.server.audit import AuditLog
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.login import HubLogin
from yarnhub.server.hub.oauth import HubOAuth, OAuthClient
from yarnhub.server.hub.servers import HubServers
from yarnhub.server.platform.app import application
from yarnhub.server.platform.browser_sessions import Sessions
from yarnhub.server.platform.build_limits import BuildLimits
from yarnhub.server.platform.service import Service, Slots
from yarnhub.server.platform.usage_recorder import UsageRecorder
from yarnhub.server.platform.viewers import Viewers
from yarnhub.sessions.shared_limits import SharedLimits
from yarnhub.watch.application_watch import ApplicationWatch, WatchOptions
from yarnhub.watch.cluster import ClusterLook
from yarnhub.watch.views import Views
from yarnhub.watch.visibility import AccessList, hidden
from yarnhub.yarn.queues.tree import find_path, leaves
from yarnhub.yarn.records.cluster import QueueACL, QueueInfo, QueueUserACLInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from typing import Self

    from fastapi import FastAPI

    from yarnhub.client.client import Client
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.logs.opened import OpenedLogs
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.containers import ContainerReport
    from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId
    from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

OAUTH = OAuthClient(
    hub_url="/", client_id="service-platform", callback="/hub/oauth_callback", home="/hub/"
)
DENIED = "org.apache.hadoop.yarn.exceptions.YarnException"


@dataclass
class UsersResourceManager:
    """The calls of `yarnhub.yarn.resource_manager.ResourceManager` that the service makes."""

    client: UsersClient

    async def get_containers(self, attempt: ApplicationAttemptId) -> list[ContainerReport]:
        return await self.client.nodes.get_containers(attempt)

    async def get_applications(
        self, request: GetApplicationsRequest
    ) -> tuple[ApplicationReport, ...]:
        found = await self.client.yarn.get_applications(request)
        return tuple(each for each in found if not request.users or each.user in request.users)

    async def get_queue_user_acls(self) -> tuple[QueueUserACLInfo, ...]:
        await self.client.yarn_responds.wait()
        return tuple(
            QueueUserACLInfo(
                queue_name=path,
                user_acls=() if path in self.client.closed else (QueueACL.SUBMIT_APPLICATIONS,),
            )
            for path in self._queues
        )

    async def move_application_across_queues(self, number: ApplicationId, queue: str) -> None:
        await self.client.yarn_responds.wait()
        report = await self.client.yarn.get_application_report(number)
        if report.user != self.client.user_name:
            raise AccessDeniedError(
                DENIED,
                f"User {self.client.user_name} cannot perform operation MODIFY_APP on {number}",
            )
        path = find_path(self._queues, queue)
        if path is None:
            raise QueueAccessDeniedError(DENIED, f"the target queue doesn't exist: {quoted(queue)}")
        if path in self.client.closed:
            raise AccessDeniedError(
                DENIED, f"User {report.user} does not have permission to submit to {path}"
            )
        if report.yarn_application_state.ended:
            raise RemoteError(
                DENIED, f"App in {report.yarn_application_state.name} state cannot be moved."
            )
        self.client.yarn.change(number, queue=path)

    @property
    def _queues(self) -> list[str]:
        root = self.client.yarn.root
        return [] if root is None else [each.queue_path for each in leaves(root)]


@dataclass
class UsersClient:
    """The calls of `yarnhub.client.client.Client` that the service makes, as one user."""

    yarn: FakeResourceManager
    user_name: str
    yarn_responds: asyncio.Event
    ends: bool
    nodes: FakeNodes
    logs: Path
    closed: set[str]
    cleaned: list[ApplicationId]

    @property
    def resource_manager(self) -> UsersResourceManager:
        return UsersResourceManager(self)

    async def applications(self, request: GetApplicationsRequest) -> tuple[ApplicationReport, ...]:
        return await self.resource_manager.get_applications(request)

    async def clean_up(self, number: ApplicationId, *, deadline: float) -> None:
        self.cleaned.append(number)

    def open_logs(
        self, number: ApplicationId, now: float
    ) -> AbstractAsyncContextManager[OpenedLogs]:
        configuration = {
            "fs.defaultFS": "file:///",
            "yarn.log-aggregation-enable": "true",
            "yarn.nodemanager.remote-app-log-dir": str(self.logs),
        }
        settings = Settings(
            configuration=Configuration(configuration),
            user=SimpleUser(self.user_name),
            user_name=self.user_name,
            config_folder=self.logs,
            cache_folder=self.logs,
            language="C",
            options=RpcOptions(),
        )
        return open_logs(self, settings, number, now)  # type: ignore[arg-type]  # a part

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def application_report(self, number: ApplicationId) -> ApplicationReport:
        report = await self.yarn.get_application_report(number)
        return report if report.user == self.user_name else hidden(report)

    async def explain(self, number: ApplicationId, *, ask_master: bool) -> Explanation:
        assert not ask_master, "it has the submitter's key only"
        await self.yarn_responds.wait()
        report = await self.application_report(number)
        return explain(ApplicationFacts(report=report, master_asked=False))

    async def request_kill(self, number: ApplicationId) -> bool:
        await self.yarn_responds.wait()
        report = await self.yarn.get_application_report(number)
        if report.user != self.user_name:
            raise AccessDeniedError(
                DENIED, f"User {self.user_name} cannot perform operation MODIFY_APP on {number}"
            )
        if self.ends:
            self.yarn.end(number)
        return self.ends


@dataclass
class Platform:
    """A service that runs.

    Attributes:
        yarn: Its ResourceManager.
        hub: Its hub.
        service: Its parts.
        app: Serves it.
        http: To send requests with.
        audit: Its audit log.
        logs: The folder of aggregated logs.
        nodes: The containers that run, and their logs.
        node: The address of their web server, if a test serves it.
        yarn_responds: Whether YARN responds to users.
        ends: Whether applications end when they are killed.
        closed: Paths of queues to which users cannot submit.
        cleaned: The applications whose uploads were deleted.
        environments: The environments of all users, and their builds.
    """

    yarn: FakeResourceManager
    hub: FakeHub
    service: Service
    app: FastAPI
    http: httpx.AsyncClient
    audit: Path
    logs: Path
    environments: MemoryEnvironments
    nodes: FakeNodes = field(default_factory=FakeNodes)
    node: str = ""
    yarn_responds: asyncio.Event = field(default_factory=asyncio.Event)
    ends: bool = True
    closed: set[str] = field(default_factory=set)
    cleaned: list[ApplicationId] = field(default_factory=list)

    def add_queues(self, *paths: str) -> None:
        """Replace the queues of the scheduler by leaves."""
        leaf = (QueueInfo(queue_name=each, queue_path=each) for each in paths)
        self.yarn.root = QueueInfo(queue_name="root", queue_path="root", child_queues=tuple(leaf))

    def client(self, name: str) -> UsersClient:
        """YARN, as a user sees it."""
        return UsersClient(
            self.yarn,
            name,
            self.yarn_responds,
            self.ends,
            self.nodes,
            self.logs,
            self.closed,
            self.cleaned,
        )

    def recorded(self) -> list[dict[str, Any]]:
        """The lines of the audit log."""
        lines = self.audit.read_text().splitlines() if self.audit.exists() else []
        return [json.loads(line) for line in lines]

    async def get(self, token: str, path: str, **query: Any) -> httpx.Response:
        return await self.request("GET", token, path, params=query or None)

    async def request(self, method: str, token: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        headers |= kwargs.pop("headers", {})
        return await self.http.request(method, f"/hub/api/v1{path}", headers=headers, **kwargs)

    async def visit(
        self, path: str, token: str, browser: httpx.AsyncClient | None = None
    ) -> httpx.Response:
        """Open a page, and log in on the way."""
        browser = browser or self.browser()
        asked = await browser.get(f"/hub{path}")
        assert asked.status_code == 302, asked.text
        back = await browser.get(self.hub.authorize(asked.headers["Location"], token))
        assert back.status_code == 303, back.text
        return await browser.get(back.headers["Location"])

    def browser(self) -> httpx.AsyncClient:
        """A browser, with its cookies."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport, base_url="http://platform", headers={"Accept": "text/html"}
        )

    async def list(self, token: str = "a", **query: Any) -> list[dict[str, Any]]:
        """The applications of a page."""
        answer = await self.get(token, "/applications", **query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["applications"]
        return found

    async def seen(self) -> None:
        """Wait until the watch has seen what the ResourceManager has."""
        reports = self.yarn.applications
        async with asyncio.timeout(30):
            while any(
                (row := self.service.watch.table.get(number)) is None
                or row.report.yarn_application_state != report.yarn_application_state
                for number, report in reports.items()
            ):
                await asyncio.sleep(0.001)


def _nobody(name: str) -> Client:
    raise AssertionError(name)


@contextlib.asynccontextmanager
async def platform(
    folder: Path,
    administrators: AccessList,
    location: Location | None = None,
    *,
    yarn: FakeResourceManager | None = None,
    interval: float = 0.002,
    fresh: float = 0,
) -> AsyncIterator[Platform]:
    """The platform with its watch running, its database not open, and no recorder running.

    Args:
        folder: For its audit log and database.
        administrators: Its administrators.
        location: Its database; None for a file.
        yarn: The ResourceManager; None for an empty one.
        interval: Seconds between looks.
        fresh: Seconds for which a login is not asked for again.
    """
    yarn, hub = yarn or FakeResourceManager(), FakeHub()
    options = WatchOptions(interval=interval)
    watch = ApplicationWatch(yarn, lambda: yarn.now / 1000, options=options)
    transport = httpx.MockTransport(hub.respond)
    location = location or Location.parse(f"sqlite:///{folder / 'platform.sqlite'}")
    async with httpx.AsyncClient(transport=transport) as to_hub, Database(location) as database:
        store, limits = UsageStore(database), LimitStore(database)
        current_limits = SharedLimits(
            lambda: contextlib.nullcontext(limits.read), interval=interval
        )
        environments = MemoryEnvironments(Environments(folder / "hdfs"), yarn)
        address = HubAddress(
            api_url="http://hub/hub/api", api_token="service", scopes=frozenset({SCOPE})
        )
        login = HubLogin(address, to_hub, fresh=fresh)
        service = Service(
            client=_nobody,
            viewers=Viewers(
                login,
                cluster_user=str,
                denied={"root"},
                with_groups=bool(administrators.groups),
            ),
            administrators=administrators,
            watch=watch,
            cluster=ClusterLook(yarn),
            views=Views(watch.table),
            audit=AuditLog(folder / "audit.jsonl", time.monotonic),
            clock=lambda: yarn.now / 1000,
            streams=Slots("streams", 2, 3),
            calls=Slots("requests to YARN", 2, 3),
            environments=environments,
            environment_calls=Slots("requests for environments", 2, 3),
            starts=Slots("submissions of builds", 1, 2),
            database=database,
            recorder=UsageRecorder(watch, database, store),
            usage=store,
            usage_of_others=False,
            queries=Slots("queries of usage", 2, 3),
            downloads=Slots("downloads of usage", 1, 2),
            limits=limits,
            current_limits=current_limits,
            build_limits=BuildLimits(current_limits, login.groups),
            servers=HubServers(address, to_hub),
            server_calls=Slots("requests to JupyterHub", 2, 3),
            oauth=HubOAuth(address, OAUTH, to_hub),
            sessions=Sessions(time.monotonic),
            prefix="/hub",
        )
        app = application(service)
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://platform",
        )
        async with http, asyncio.TaskGroup() as group:
            running = group.create_task(watch.run())
            served = Platform(
                yarn, hub, service, app, http, folder / "audit.jsonl", folder / "logs", environments
            )
            served.yarn_responds.set()
            service.client = served.client  # type: ignore[assignment]  # a part of `Client`
            yield served
            running.cancel()


@contextlib.asynccontextmanager
async def administered(folder: Path) -> AsyncIterator[Platform]:
    """A platform that obeys limits; its administrators are carol, and those in a group."""
    administrators = AccessList(frozenset({"carol"}), frozenset({"admins"}))
    async with platform(folder, administrators) as served, BackgroundTasks() as tasks:
        served.hub.users |= {"c": "carol", "d": "dave"}
        await served.service.recorder.open()
        await served.service.current_limits.start(tasks)
        yield served

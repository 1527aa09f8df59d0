"""The parts of the service, which its routes get by the request."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPBearer

from yarnhub.server.platform.viewers import Identity
from yarnhub.watch.visibility import AccessList, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnhub.client.client import Client
    from yarnhub.database.connections import Database
    from yarnhub.database.limits import LimitStore
    from yarnhub.database.usage import UsageStore
    from yarnhub.server.audit import AuditLog
    from yarnhub.server.hub.oauth import HubOAuth
    from yarnhub.server.hub.servers import HubServers
    from yarnhub.server.platform.browser_sessions import Sessions
    from yarnhub.server.platform.build_limits import BuildLimits
    from yarnhub.server.platform.negotiation import Negotiation
    from yarnhub.server.platform.usage_recorder import UsageRecorder
    from yarnhub.server.platform.user_environments import UserEnvironments
    from yarnhub.server.platform.viewers import Viewers
    from yarnhub.sessions.shared_limits import SharedLimits
    from yarnhub.watch.application_watch import ApplicationWatch
    from yarnhub.watch.cluster import ClusterLook
    from yarnhub.watch.views import Page, View, Views
    from yarnhub.yarn.records.applications import ApplicationReport

_SCHEME = HTTPBearer(
    scheme_name="HubToken",
    bearerFormat="a token of JupyterHub",
    description="Or `token` instead of `Bearer`.",
    auto_error=False,
)
_NEEDED = "Send a token of JupyterHub that may access this service: Authorization: Bearer TOKEN"


class StreamKind(enum.Enum):
    """What streams are open for."""

    EVENTS = "events"
    LOG_DOWNLOAD = "log-download"


class Slots:
    """Bounds what is done at the same time, for each user and in total.

    Args:
        what: What is counted, for messages.
        of_user: The most of one user.
        total: The most of all users.

    Attributes:
        taken: How many are taken, by the name of the user.
        kinds: The same by what they are taken for.
    """

    def __init__(self, what: str, of_user: int, total: int) -> None:
        self.taken: Counter[str] = Counter()
        self.kinds: Counter[StreamKind | None] = Counter()
        self._what = what
        self._of_user = of_user
        self._total = total

    @contextlib.contextmanager
    def take(self, name: str, kind: StreamKind | None = None) -> Iterator[None]:
        """Take one for a user.

        Args:
            name: The user's name.
            kind: What it is taken for; None if that does not differ.

        Raises:
            HTTPException: There are too many.
        """
        mine, total = self.taken[name], self.taken.total()
        if mine >= self._of_user or total >= self._total:
            raise HTTPException(429, f"{total} {self._what} are open, {mine} of them of {name}")
        self.taken[name] += 1
        self.kinds[kind] += 1
        try:
            yield
        finally:
            self.kinds[kind] -= 1
            self.taken[name] -= 1
            if not self.taken[name]:
                del self.taken[name]


@dataclass(kw_only=True)
class Service:
    """The parts of the service.

    Attributes:
        client: Opens the cluster as one of its users sees it.
        viewers: Looks up who a request is from.
        negotiation: The same for requests with Kerberos tickets; None if there are none.
        administrators: Those who see all applications.
        watch: The watch of the ResourceManager.
        cluster: Its nodes and queues.
        views: Pages of its table.
        audit: What was done, and by whom.
        clock: Seconds since 1970.
        streams: The open streams of events, and downloads of logs.
        calls: What is being asked of YARN for users.
        environments: The environments of users, and builds of them.
        environment_calls: What is being requested from HDFS of environments.
        starts: The builds that are being submitted.
        database: The database.
        recorder: Stores usage.
        usage: The stored usage.
        usage_of_others: Whether all users see sums of everybody's usage.
        queries: Queries of usage.
        downloads: Usage that is being downloaded: each has a connection to the database.
        limits: The limits that administrators have set.
        current_limits: The same, as they were some seconds ago.
        build_limits: Accepts builds within them.
        servers: Users' notebook servers.
        server_calls: What is being requested of the hub for users.
        oauth: Logs browsers in.
        sessions: The browsers that are logged in.
        prefix: What all paths start with, without a slash at its end.
        metrics_token: For reading the metrics; empty if there is none.
    """

    client: Callable[[str], Client]
    viewers: Viewers
    administrators: AccessList
    watch: ApplicationWatch
    cluster: ClusterLook
    views: Views
    audit: AuditLog
    clock: Callable[[], float]
    streams: Slots
    calls: Slots
    environments: UserEnvironments
    environment_calls: Slots
    starts: Slots
    database: Database
    recorder: UsageRecorder
    usage: UsageStore
    usage_of_others: bool
    queries: Slots
    downloads: Slots
    limits: LimitStore
    current_limits: SharedLimits
    build_limits: BuildLimits
    servers: HubServers
    server_calls: Slots
    oauth: HubOAuth
    sessions: Sessions
    negotiation: Negotiation | None = None
    prefix: str = ""
    metrics_token: str = field(default="", repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _rest_until: float = 0.0

    async def page(self, view: View, first: int, size: int) -> Page:
        """A page of the list.

        Selecting a view of 10 000 applications blocks the event loop for 10 to 30 ms. Different
        views are selected one after the other, with rests that are twice as long. The applications
        of one user are few, and selected at once: home pages have hundreds of such views.
        """
        if not view.user and not self.views.has(view):
            async with self._turn:
                clock = asyncio.get_running_loop().time
                await asyncio.sleep(max(0.0, self._rest_until - clock()))
                began = clock()
                self.views.page(view, first, size)
                self._rest_until = clock() + 2 * (clock() - began)
        return self.views.page(view, first, size)

    def age(self, moment: int | None) -> float:
        """Seconds since a time, ms since 1970; infinite if there is none."""
        return math.inf if moment is None else self.clock() - moment / 1000

    def visible(self, report: ApplicationReport, identity: Identity) -> ApplicationReport:
        """What a user can see of an application of the watch."""
        return visible(report, identity.viewer, self.administrators)


def service_of(request: Request) -> Service:
    """The service that a request is sent to."""
    found: Service = request.app.state.service
    return found


ServiceOf = Annotated[Service, Depends(service_of)]


async def identity_of(
    request: Request,
    service: ServiceOf,
    _scheme: Annotated[object, Security(_SCHEME)],  # for the OpenAPI document
) -> Identity:
    """The user of a request.

    Raises:
        HTTPException: Nobody whom the service knows.
    """
    found = await service.viewers.of(request.headers.get("Authorization", ""))
    if found is None and service.negotiation is not None:
        found = await service.negotiation.identity(request)
    if found is None:
        ticket = "" if service.negotiation is None else ", or a Kerberos ticket"
        raise HTTPException(401, f"{_NEEDED}{ticket}", headers={"WWW-Authenticate": "Bearer"})
    return found


IdentityOf = Annotated[Identity, Depends(identity_of)]

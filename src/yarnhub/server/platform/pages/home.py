"""The first page: what a user's own runs and waits, and what has ended lately."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from yarnhub.base.errors import YarnhubError
from yarnhub.server.hub.servers import MAX_SERVERS, ServerState
from yarnhub.server.platform import documents
from yarnhub.server.platform.limits import own_limits
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.following import count_stream, follow
from yarnhub.server.platform.pages.login import FormOf, VisitorOf  # noqa: TC001
from yarnhub.server.platform.pages.words import KINDS, LIMITED, Status, own_limit, reason
from yarnhub.server.platform.problems import in_public, refusal
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.sessions.tags import words_for
from yarnhub.watch.kinds import Kind, kind_of
from yarnhub.watch.views import View
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.server.hub.servers import NotebookServer, UserServers
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service
    from yarnhub.watch.table import Row
    from yarnhub.yarn.records.ids import ApplicationId

router = APIRouter()

_LOOK = 1.5
"""Seconds between looks at the watch."""
_SOON, _LATER = 2.0, 30.0
"""Seconds after which the hub is queried again: while a server starts or stops, and otherwise. It
is queried at once if YARN reports a change of a server's application."""
MAX_OPEN, MAX_ENDED = 100, 10
"""Applications that are shown."""
_LATELY = 24 * 3600
"""Seconds for which ended applications are shown."""
_ENDED = frozenset(each for each in YarnApplicationState if each.ended)
_OPEN = frozenset(YarnApplicationState) - _ENDED


@dataclass(frozen=True, slots=True)
class ShownServers:
    """What is known of a user's notebook servers.

    Attributes:
        found: The servers; None if the login cannot see them, or they are not known.
        failure: Why they are not known; empty otherwise.
    """

    found: UserServers | None = None
    failure: str = ""

    @property
    def servers(self) -> tuple[NotebookServer, ...]:
        """The servers."""
        return () if self.found is None else self.found.servers

    @property
    def change_soon(self) -> bool:
        """Whether one of them starts, stops or is checked, or the hub could not be queried."""
        changing = (ServerState.STARTING, ServerState.STOPPING, ServerState.CHECKING)
        return bool(self.failure) or any(each.state in changing for each in self.servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a user's own does at some time.

    Attributes:
        servers: The notebook servers.
        opened: The applications that have not ended, those that wait first.
        more: How many there are besides.
        ended: Those that have ended lately, the latest first.
        versions: The versions of all of these: what is shown of them is the same in a version.
        more_ended: How many others have ended.
        limits: What the user can hold of each kind that is limited, and holds.
        failure: Why YARN could not be queried; empty if it could.
        looked: Whether YARN has been queried at all.
    """

    servers: ShownServers
    opened: tuple[Row, ...] = field(compare=False)
    more: int
    ended: tuple[Row, ...] = field(compare=False)
    versions: tuple[tuple[ApplicationId, int], ...]
    more_ended: int
    limits: tuple[tuple[str, str], ...]
    failure: str
    looked: bool


@dataclass(slots=True)
class Home:
    """The page of one visitor, from one look to the next.

    Attributes:
        service: The service.
        visitor: Who sees it.
    """

    service: Service
    visitor: Visitor
    _servers: ShownServers = field(default_factory=ShownServers)
    _queried: float | None = None
    _seen: tuple[tuple[ApplicationId, int], ...] = ()
    """The applications of servers when the hub was last queried."""
    _last: Look | None = None
    _html: str = ""

    async def look(self) -> str:
        """What to replace: the same as before if nothing has changed."""
        now = await self._look()
        if now != self._last:
            self._last = now
            self._html = rendering.fragment(
                "changed_home.html", self.service, self.visitor, **self._values(now)
            )
        return self._html

    async def values(self) -> dict[str, object]:
        """What the templates of the page need."""
        return self._values(await self._look())

    async def _look(self) -> Look:
        name, freshness = self.visitor.identity.viewer.name, self.service.watch.freshness
        own = View(user=name, states=_OPEN), View(user=name, states=_ENDED)
        opened = await self.service.page(own[0], 0, MAX_OPEN + MAX_SERVERS)
        ended = await self.service.page(own[1], 0, MAX_ENDED)
        since = (self.service.clock() - _LATELY) * 1000
        lately = tuple(each for each in ended.rows if each.report.finish_time >= since)
        return Look(
            servers=await self._query_servers(opened.rows + ended.rows),
            opened=opened.rows,
            more=opened.total - len(opened.rows),
            ended=lately,
            versions=_versions(opened.rows + lately),
            more_ended=ended.total - len(lately),
            limits=await self._limits(),
            failure="" if freshness.failure is None else in_public(freshness.failure),
            looked=freshness.looked is not None,
        )

    async def _limits(self) -> tuple[tuple[str, str], ...]:
        found = await own_limits(self.service, self.visitor.identity)
        return tuple((LIMITED[each.kind], words) for each in found if (words := own_limit(each)))

    async def _query_servers(self, rows: Sequence[Row]) -> ShownServers:
        seen = _versions([each for each in rows if kind_of(each.report) is Kind.SERVER])
        now = asyncio.get_running_loop().time()
        wait = _SOON if self._servers.change_soon else _LATER
        if self._queried is None or seen != self._seen or now - self._queried >= wait:
            self._queried, self._seen = now, seen
            self._servers = await self._shown_servers()
        return self._servers

    async def _shown_servers(self) -> ShownServers:
        identity = self.visitor.identity
        try:
            with self.service.server_calls.take(identity.name):
                return ShownServers(await self.service.servers.list(identity.token))
        except (HTTPException, YarnhubError) as error:
            return ShownServers(failure=refusal(error))

    def _values(self, now: Look) -> dict[str, object]:
        held = self._applications_of_servers(now)
        of_servers = {each.report.application_id for each in held.values()}
        others = [each for each in now.opened if each.report.application_id not in of_servers]
        groups: dict[Kind, list[dict[str, object]]] = {kind: [] for kind in Kind}
        for each in others[:MAX_OPEN]:
            groups[kind_of(each.report)].append(_shown(each))
        return {
            "now": now,
            "held": {name: _shown(each) for name, each in held.items()},
            "groups": groups,
            "titles": KINDS,
            "more": now.more + len(others[MAX_OPEN:]),
            "ended": [_shown(each) for each in now.ended],
        }

    def _applications_of_servers(self, now: Look) -> dict[str, Row]:
        """The application of each server that is not stopped, by the server's name.

        They are recognized by their tags, which users could choose for their own applications.
        Names that differ only in characters that tags cannot have share one: it is of neither.
        """
        owner = self.visitor.identity.name
        by_tag: dict[str, Row] = {}
        for each in now.opened:
            tags = each.report.application_tags
            if kind_of(each.report) is Kind.SERVER and not set(words_for(owner, "")) - set(tags):
                named = [tag for tag in tags if tag.startswith("named-")]
                by_tag.setdefault(named[0] if named else "", each)
        tags_of = {
            each.name: words_for(owner, each.name)[1] if each.name else ""
            for each in now.servers.servers
        }
        shared = Counter(tags_of.values())
        return {
            each.name: by_tag[tag]
            for each in now.servers.servers
            if each.state is not ServerState.STOPPED
            and (tag := tags_of[each.name]) in by_tag
            and shared[tag] == 1
        }


def _versions(rows: Sequence[Row]) -> tuple[tuple[ApplicationId, int], ...]:
    return tuple((each.report.application_id, each.version) for each in rows)


def _shown(row: Row) -> dict[str, object]:
    document = documents.application(row.report)
    return {
        "a": document,
        "status": Status.of(row.report),
        "reason": "" if document.diagnostics is None else reason(row.report),
    }


@router.get("/")
async def show_home(service: ServiceOf, visitor: VisitorOf) -> Response:
    """Show what is the user's own."""
    values = await Home(service, visitor).values()
    return rendering.page("home.html", service, visitor, **values)


@router.get(
    "/home/changes", response_class=EventSourceResponse, dependencies=[Depends(count_stream)]
)
async def follow_home(service: ServiceOf, visitor: VisitorOf) -> AsyncIterable[ServerSentEvent]:
    """Follow the page: each event replaces all that it shows."""
    async for event in follow(visitor, service, Home(service, visitor).look, _LOOK):
        yield event


@router.post("/servers/start")
async def start_server(service: ServiceOf, visitor: VisitorOf, form: FormOf) -> Response:
    """Start a notebook server with the options that it had the last time."""
    identity = visitor.identity
    with service.server_calls.take(identity.name):
        await service.servers.start(identity.token, identity.name, form.get("server", ""))
    return RedirectResponse(f"{service.prefix}/", 303)


@router.post("/servers/stop")
async def stop_server(service: ServiceOf, visitor: VisitorOf, form: FormOf) -> Response:
    """Stop a notebook server."""
    identity = visitor.identity
    with service.server_calls.take(identity.name):
        await service.servers.stop(identity.token, identity.name, form.get("server", ""))
    return RedirectResponse(f"{service.prefix}/", 303)

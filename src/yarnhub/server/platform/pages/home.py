"""The first page: what a user's own runs and waits, and what has ended lately."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from yarnhub.base.errors import YarnhubError
from yarnhub.server.hub.servers import ServerState
from yarnhub.server.platform import documents
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.following import count_stream, follow
from yarnhub.server.platform.pages.login import FormOf, VisitorOf  # noqa: TC001
from yarnhub.server.platform.pages.words import Status, reason
from yarnhub.server.platform.problems import in_public
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.sessions.tags import words_for
from yarnhub.watch.kinds import Kind, kind_of
from yarnhub.watch.views import View, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.server.hub.servers import NotebookServer, UserServers
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service
    from yarnhub.watch.table import Row

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
_TITLES = {
    Kind.SERVER: "Notebook servers",
    Kind.KERNEL: "Kernels",
    Kind.DASK: "Dask clusters",
    Kind.SPARK: "Spark",
    Kind.BUILD: "Builds of environments",
    Kind.OTHER: "Other applications",
}


@dataclass(frozen=True, slots=True)
class ShownServers:
    """What is known of a user's notebook servers.

    Attributes:
        found: The servers; None if the login cannot see them, or they are not known.
        failure: Why they are not known; empty otherwise.
        is_busy: Whether too many requests to the hub are the reason.
    """

    found: UserServers | None = None
    failure: str = ""
    is_busy: bool = False

    @property
    def servers(self) -> tuple[NotebookServer, ...]:
        """The servers."""
        return () if self.found is None else self.found.servers

    @property
    def change_soon(self) -> bool:
        """Whether one of them starts or stops, or the hub could not be queried."""
        changing = (ServerState.STARTING, ServerState.STOPPING)
        return self.is_busy or any(each.state in changing for each in self.servers)


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
    _seen: object = None
    """The applications of servers when the hub was last queried."""
    _key: object = None
    _html: str = ""

    async def look(self) -> str:
        """What to replace: the same as before if nothing has changed."""
        rows = self._rows()
        await self._query_servers(rows)
        now = self._key_of(rows)
        if now != self._key:
            self._key = now
            self._html = rendering.fragment(
                "changed_home.html", self.service, self.visitor, **self._values(rows)
            )
        return self._html

    async def values(self) -> dict[str, object]:
        """What the templates of the page need."""
        rows = self._rows()
        await self._query_servers(rows)
        return self._values(rows)

    def _rows(self) -> list[Row]:
        """The user's applications: those that have not ended are the first."""
        name = self.visitor.identity.viewer.name
        since = (self.service.clock() - _LATELY) * 1000
        owned = (
            each
            for each in self.service.views.owned_by(name)
            if not _ended(each) or each.report.finish_time >= since
        )
        return select(owned, View())

    def _key_of(self, rows: Sequence[Row]) -> object:
        freshness = self.service.watch.freshness
        looked, failure = freshness.looked is not None, freshness.failure
        versions = [(each.report.application_id, each.version) for each in rows]
        return self._servers, looked, failure, versions

    async def _query_servers(self, rows: Sequence[Row]) -> None:
        seen = [
            (each.report.application_id, each.version)
            for each in rows
            if kind_of(each.report) is Kind.SERVER
        ]
        now = asyncio.get_running_loop().time()
        wait = _SOON if self._servers.change_soon else _LATER
        if self._queried is None or seen != self._seen or now - self._queried >= wait:
            self._queried, self._seen = now, seen
            self._servers = await self._shown_servers()

    async def _shown_servers(self) -> ShownServers:
        identity = self.visitor.identity
        try:
            with self.service.server_calls.take(identity.name):
                return ShownServers(await self.service.servers.list(identity.token))
        except YarnhubError as error:
            return ShownServers(failure=in_public(error))
        except HTTPException as error:
            return ShownServers(failure=error.detail, is_busy=True)

    def _values(self, rows: Sequence[Row]) -> dict[str, object]:
        open_rows = [each for each in rows if not _ended(each)]
        ended = [each for each in rows if _ended(each)]
        held = {
            server.name: found
            for server in self._servers.servers
            if server.state is not ServerState.STOPPED
            and (found := self._application_of(server, open_rows)) is not None
        }
        of_servers = {each.report.application_id for each in held.values()}
        others = [each for each in open_rows if each.report.application_id not in of_servers]
        groups: dict[Kind, list[dict[str, object]]] = {kind: [] for kind in Kind}
        for each in others[:MAX_OPEN]:
            groups[kind_of(each.report)].append(self._shown(each))
        freshness = self.service.watch.freshness
        return {
            "servers": self._servers,
            "held": {name: self._shown(each) for name, each in held.items()},
            "groups": groups,
            "titles": _TITLES,
            "more": len(others[MAX_OPEN:]),
            "ended": [self._shown(each) for each in ended[:MAX_ENDED]],
            "more_ended": len(ended[MAX_ENDED:]),
            "failure": "" if freshness.failure is None else in_public(freshness.failure),
            "looked": freshness.looked is not None,
        }

    def _application_of(self, server: NotebookServer, rows: Sequence[Row]) -> Row | None:
        """The application of a server, by its tags, which users could choose for their own."""
        wanted = set(words_for(self.visitor.identity.name, server.name))
        for each in rows:
            tags = each.report.application_tags
            is_default = not any(tag.startswith("named-") for tag in tags)
            is_its = wanted.issubset(tags) and is_default == (not server.name)
            if is_its and kind_of(each.report) is Kind.SERVER:
                return each
        return None

    def _shown(self, row: Row) -> dict[str, object]:
        document = documents.application(row.report)
        return {
            "a": document,
            "status": Status.of(row.report),
            "reason": "" if document.diagnostics is None else reason(row.report),
        }


def _ended(row: Row) -> bool:
    return row.report.yarn_application_state.ended


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

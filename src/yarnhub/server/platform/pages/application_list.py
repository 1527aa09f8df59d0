"""The list of the applications: its page, and its changes while somebody looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Response  # FastAPI reads them
from fastapi.sse import EventSourceResponse, ServerSentEvent

from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.following import count_stream, is_still
from yarnhub.server.platform.pages.login import VisitorOf  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.pages.queries import SIZE, Group, ListQuery, query_of
from yarnhub.server.platform.pages.rows import RowsOf  # noqa: TC001
from yarnhub.server.platform.pages.words import KINDS
from yarnhub.server.platform.problems import in_public
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.watch.views import Column
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.pages.rows import Rows
    from yarnhub.server.platform.service import Service
    from yarnhub.watch.table import Row

router = APIRouter(prefix="/applications")

_SPREAD = 1.0
"""Seconds over which the streams of a change are spread: between two of them, others are served."""
QueryOf = Annotated[ListQuery, Depends(query_of)]

_COLUMNS = {
    "State": Column.STATE,
    "Application": Column.NAME,
    "User": Column.USER,
    "Queue": Column.QUEUE,
    "Type": Column.TYPE,
    "Started": Column.STARTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of the list.

    Attributes:
        version: The version of the table.
        rows: Its applications.
        total: The applications of all of its pages.
        waiting: The applications of the cluster that wait.
        failure: Why YARN could not be queried; empty if it could.
        looked: Whether YARN has been queried at all.
    """

    version: int
    rows: tuple[Row, ...]
    total: int
    waiting: int
    failure: str
    looked: bool

    @property
    def pages(self) -> int:
        """The number of pages; there is always one."""
        return max(1, -(-self.total // SIZE))

    @property
    def head(self) -> tuple[int, int, str]:
        """What is said above the rows."""
        return self.total, self.waiting, self.failure

    @property
    def ids(self) -> tuple[object, ...]:
        """The ids of its applications, in order."""
        return tuple(each.report.application_id for each in self.rows)


async def listed(service: Service, query: ListQuery) -> Listed:
    """The page of the list that a query names."""
    found = await service.page(query.view, query.first, SIZE)
    table, freshness = service.watch.table, service.watch.freshness
    states = [
        each.report.yarn_application_state for number in table.open if (each := table.get(number))
    ]
    return Listed(
        version=found.version,
        rows=found.rows,
        total=found.total,
        waiting=len(states) - states.count(YarnApplicationState.RUNNING),
        failure="" if freshness.failure is None else in_public(freshness.failure),
        looked=freshness.looked is not None,
    )


@router.get("")
async def show_list(
    service: ServiceOf, visitor: VisitorOf, rows: RowsOf, query: QueryOf
) -> Response:
    """Show the list."""
    shown = ShownList(service, visitor, rows, query)
    values = shown.values(await listed(service, query))
    return rendering.page("application_list.html", service, visitor, **values)


@router.get("/changes", response_class=EventSourceResponse, dependencies=[Depends(count_stream)])
async def follow_list(
    service: ServiceOf,
    visitor: VisitorOf,
    rows: RowsOf,
    query: QueryOf,
) -> AsyncIterable[ServerSentEvent]:
    """Follow a page of the list: the first event has all of it, later ones what has changed."""
    pause = random.uniform(0, _SPREAD)  # noqa: S311  # not a secret
    shown, last = ShownList(service, visitor, rows, query), await listed(service, query)
    yield ServerSentEvent(raw_data=shown.whole(last))
    async with contextlib.aclosing(service.watch.changes(last.version)) as changes:
        async for _ in changes:
            await asyncio.sleep(pause)
            if not await is_still(visitor, service):
                return
            now = await listed(service, query)
            parts, last = shown.difference(last, now), now
            if parts:
                yield ServerSentEvent(raw_data=parts)


@dataclass(frozen=True, slots=True)
class ShownList:
    """The list as a visitor sees it."""

    service: Service
    visitor: Visitor
    rows: Rows
    query: ListQuery

    def values(self, now: Listed) -> dict[str, object]:
        """What the templates of the list need."""
        rows = [self.rows.html(each, self.visitor) for each in now.rows]
        return {
            "query": self.query,
            "listed": now,
            "rows": rows,
            "columns": _COLUMNS,
            "groups": Group,
            "kinds": KINDS,
        }

    def whole(self, now: Listed) -> str:
        """All that a browser replaces to show a page of the list."""
        values = self.values(now)
        return rendering.fragment("changed_list.html", self.service, self.visitor, **values)

    def difference(self, last: Listed, now: Listed) -> str:
        """What a browser that shows one page of the list replaces to show another."""
        if (last.ids, last.pages, last.looked) != (now.ids, now.pages, now.looked):
            return self.whole(now)
        parts = [
            rendering.fragment(
                "changed_row.html",
                self.service,
                self.visitor,
                id=after.report.application_id,
                row=self.rows.html(after, self.visitor),
            )
            for before, after in zip(last.rows, now.rows, strict=True)
            if before.version != after.version
        ]
        if last.head != now.head:
            head = "changed_head.html"
            parts.append(rendering.fragment(head, self.service, self.visitor, listed=now))
        return "".join(parts)

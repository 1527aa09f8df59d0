"""The page of usage: who or what has used how much, over time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator  # noqa: TC003  # FastAPI reads it
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse

from yarnhub.database.usage import By, UsageReading
from yarnhub.database.usage import Query as Sums
from yarnhub.server.platform import usage
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.login import VisitorOf  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.pages.usage_chart import Measure, UsageChart, gaps, measures
from yarnhub.server.platform.pages.usage_query import UsageQuery, query_of
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.server.platform.usage import RefusedQueryError, Scope, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.usage_documents import Usage

router = APIRouter()

QueryOf = Annotated[UsageQuery, Depends(query_of)]

MAX_ROWS = 200
"""Series of the table: the largest."""
_reading = contextlib.asynccontextmanager(usage.query)
_downloading = contextlib.asynccontextmanager(usage.download)
_NAMELESS = {By.ENVIRONMENT: "(no environment)"}


@router.get("/usage")
async def show_usage(service: ServiceOf, visitor: VisitorOf, query: QueryOf) -> Response:
    """Show usage, in total, as a chart and as a table; what is refused is said in the form."""
    try:
        query = query.with_days(service)
        sums = await query.sums(service, visitor.identity)
        async with _reading(service, visitor.identity) as reading:
            found = await usage.read_usage(service, sums, reading)
    except RefusedQueryError as error:
        values = _form(service, visitor, query) | {"refused": error}
        answer = rendering.page("usage.html", service, visitor, **values)
        answer.status_code = error.status_code
        return answer
    values = _form(service, visitor, query) | _found(query, found)
    values |= {"user": sums.user, "narrower": _narrower(service, visitor, query)}
    return rendering.page("usage.html", service, visitor, **values)


async def _sums(service: ServiceOf, visitor: VisitorOf, query: QueryOf) -> Sums:
    return await query.with_days(service).sums(service, visitor.identity)


async def _download(service: ServiceOf, visitor: VisitorOf) -> AsyncIterator[UsageReading]:
    async with _downloading(service, visitor.identity) as reading:
        yield reading


@router.get("/usage.csv", response_class=StreamingResponse)
async def download_usage(
    service: ServiceOf,
    sums: Annotated[Sums, Depends(_sums)],
    reading: Annotated[UsageReading, Depends(_download)],
) -> StreamingResponse:
    """Download the same as the API's file."""
    return await usage.download_usage(service, sums, reading)


def _form(service: Service, visitor: Visitor, query: UsageQuery) -> dict[str, object]:
    """What the form needs, before anything is found."""
    administers = service.administrators.allows(visitor.identity.viewer)
    scopes = {Scope.ALL.value: "Everybody's", Scope.OWN.value: "My own"}
    return {
        "query": query,
        "refused": None,
        "scopes": scopes if administers or service.usage_of_others else {},
        "scope": query.scope or (Scope.ALL if administers else Scope.OWN),
        "units": _units(measures({query.measure})),
        "dimensions": {each.value: each.value.capitalize() for each in By},
        "steps": {each.value: each.value.capitalize() for each in Step},
    }


def _units(shown: tuple[Measure, ...]) -> dict[str, str]:
    return {each.name: each.unit for each in shown}


def _narrower(
    service: Service, visitor: Visitor, query: UsageQuery
) -> Callable[[str], dict[str, object]] | None:
    """What a link on a name changes to show its usage by something else; None without links."""
    administers = service.administrators.allows(visitor.identity.viewer)
    if query.by is By.QUEUE and administers:
        return lambda name: {"queue": name, "by": By.USER}
    if query.by is By.QUEUE and query.scope is not Scope.ALL:
        return lambda name: {"queue": name, "by": By.TYPE}
    if query.by is By.USER and administers:
        return lambda name: {"user": name, "by": By.QUEUE}
    return None


def _found(query: UsageQuery, found: Usage) -> dict[str, object]:
    """What was found."""
    shown = measures({*found.total.resources, query.measure})
    measure = next(each for each in shown if each.name == query.measure)
    chart = UsageChart.of(found, measure, query.step)
    return {
        "found": found,
        "measures": shown,
        "units": _units(shown),
        "measure": measure,
        "total": measure.of(found.total),
        "chart": chart,
        "rows": chart.ranked[:MAX_ROWS],
        "more": len(chart.ranked[MAX_ROWS:]),
        "gaps": gaps(found),
        "nameless": _NAMELESS.get(query.by, "(no name)"),
    }

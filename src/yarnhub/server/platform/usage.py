"""What applications have used over time, of those whose usage a user can see."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
from collections.abc import AsyncIterator  # noqa: TC003  # FastAPI reads it
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator, WithJsonSchema

from yarnhub.database.usage import By, UsageReading
from yarnhub.database.usage import Query as Sums
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.documents import moment
from yarnhub.server.platform.service import IdentityOf, ServiceOf  # noqa: TC001
from yarnhub.server.platform.usage_documents import (
    Amounts,
    Usage,
    UsageGap,
    UsagePoint,
    UsageSeries,
)
from yarnhub.server.platform.usage_table import UsageTable
from yarnhub.watch.usage import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.database.usage import Sum
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity

MAX_DAYS = 400
MAX_SUMS = 10_000
"""Names and times of a document."""
MAX_LINES = 100_000
"""Lines of a file."""
_MAX_GAPS = 1000
_READ = 30.0
"""Seconds for a document."""
_DOWNLOAD = 120.0
"""Seconds for a file: as long as it is sent, it has a connection to the database."""
_DEFAULT_DAYS = 7
_FIRST, _LAST = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (1970, 3000))
_MAX_TIME = 40
"""Characters of a time."""
_ISO = "ISO 8601; in UTC if it has no time zone"
_TEXT = {"type": "string"}

router = APIRouter(tags=["usage"], responses={**COMMON, **problems(422, 429)})


class Dimension(enum.StrEnum):
    """What has a sum of its own."""

    USER = "user"
    QUEUE = "queue"
    TYPE = "type"
    ENVIRONMENT = "environment"
    HOUR = "hour"


class Step(enum.StrEnum):
    """How much time has a sum of its own."""

    HOUR = "hour"
    DAY = "day"


class Scope(enum.StrEnum):
    """Whose usage is summed."""

    OWN = "own"
    ALL = "all"


_STEPS = {Step.HOUR: HOUR, Step.DAY: 24 * HOUR}
_ANONYMOUS = (Dimension.QUEUE, Dimension.HOUR)
"""What tells nothing about single users."""


class RefusedQueryError(HTTPException):
    """Sums that a request cannot have.

    Args:
        status: The HTTP status.
        name: The parameter to change; empty if one of several has to change.
        words: The reason.
    """

    def __init__(self, status: int, name: str, words: str) -> None:
        super().__init__(status, f"{name}: {words}" if name else words)
        self.name = name
        self.words = words


def time_of(text: str) -> dt.datetime:
    """A time of a request; in UTC if it has no time zone.

    Raises:
        ValueError: It is not in ISO 8601, or out of range.
    """
    try:
        if len(text) > _MAX_TIME:
            raise ValueError
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "not a time in ISO 8601, such as 2026-11-30 or 2026-11-30T10:00Z; write + as %2B"
        ) from None
    time = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
    if not _FIRST <= time < _LAST:
        raise ValueError(f"not between {_FIRST.year} and {_LAST.year}")
    return time


Time = Annotated[
    dt.datetime,
    BeforeValidator(time_of),
    WithJsonSchema({"type": "string", "maxLength": _MAX_TIME}),
]
Name = Annotated[str, Query(max_length=256)]


async def sums_of(
    service: ServiceOf,
    identity: IdentityOf,
    begin: Annotated[
        Time | None, Query(alias="from", description=_ISO, examples=["2026-11-30"])
    ] = None,
    to: Annotated[Time | None, Query(description=_ISO, examples=["2026-11-30T10:00Z"])] = None,
    by: Dimension = Dimension.HOUR,
    step: Step | None = None,
    scope: Scope | None = None,
    user: Name = "",
    queue: Name = "",
) -> Sums:
    """The sums that a request asks for.

    Raises:
        RefusedQueryError: The range is not valid, or the user cannot see them.
    """
    end = moment(int(service.clock() * 1000)) if to is None else to
    start = end - dt.timedelta(days=_DEFAULT_DAYS) if begin is None else begin
    if not dt.timedelta() < end - start <= dt.timedelta(days=MAX_DAYS):
        raise RefusedQueryError(422, "from", f"must be before the end, by {MAX_DAYS} days at most")
    if by is Dimension.HOUR and step is None:
        step = Step.HOUR
    return Sums(
        begin=_milliseconds(start) // HOUR * HOUR,
        end=-(-_milliseconds(end) // HOUR) * HOUR,
        by=None if by is Dimension.HOUR else By(by.value),
        step=None if step is None else _STEPS[step],
        user=_user(service, identity, by, scope, user),
        queue=queue or None,
    )


def _milliseconds(time: dt.datetime) -> int:
    return (time - _FIRST) // dt.timedelta(milliseconds=1)


def _user(
    service: Service, identity: Identity, by: Dimension, scope: Scope | None, user: str
) -> str | None:
    """The user whose usage is summed; None for all users."""
    me = identity.viewer.name
    if service.administrators.allows(identity.viewer):
        return user or (me if scope is Scope.OWN else None)
    if scope is Scope.ALL:
        if not service.usage_of_others:
            raise RefusedQueryError(403, "scope", "only administrators see the usage of others")
        if user or by not in _ANONYMOUS:
            raise RefusedQueryError(403, "scope", "others' usage is only shown by queue or hour")
        return None
    if user not in ("", me):
        raise RefusedQueryError(403, "user", f"only administrators see the usage of {user}")
    return me


SumsOf = Annotated[Sums, Depends(sums_of)]


async def query(service: ServiceOf, identity: IdentityOf) -> AsyncIterator[UsageReading]:
    """What a document is read from, until its response has ended.

    Raises:
        HTTPException: Too many are open.
    """
    with service.queries.take(identity.name):
        async with service.usage.reading(_READ) as reading:
            yield reading


async def download(service: ServiceOf, identity: IdentityOf) -> AsyncIterator[UsageReading]:
    """What a file is read from, until its response has ended.

    Raises:
        HTTPException: Too many are open.
    """
    with service.downloads.take(identity.name):
        async with service.usage.reading(_DOWNLOAD) as reading:
            yield reading


@router.get("/usage")
async def show_usage(
    response: Response,
    service: ServiceOf,
    sums: SumsOf,
    reading: Annotated[UsageReading, Depends(query)],
) -> Usage:
    """Show what applications have used, in total and by user, queue, type, environment or hour.

    Hours count as a whole. With `step`, each series has a point per hour or day. Without `from`, it
    begins 7 days before `to`; without `to`, it ends now. Users see their own usage; administrators
    see all, unless `scope` is `own`.
    """
    response.headers["Cache-Control"] = "private, no-store"
    return await read_usage(service, sums, reading)


async def read_usage(service: Service, sums: Sums, reading: UsageReading) -> Usage:
    """The document of some sums.

    Raises:
        RefusedQueryError: There are too many.
        DatabaseUnavailableError: The database does not respond.
    """
    found = await _read(reading, sums)
    gaps = await reading.gaps(sums.begin, _until(service, sums), _MAX_GAPS)
    return Usage(
        begin=moment(sums.begin),
        end=moment(sums.end),
        total=Amounts.of(found),
        series=tuple(
            _series(name, tuple(of_name), with_points=sums.step is not None)
            for name, of_name in groupby(found, attrgetter("name"))
        ),
        gaps=tuple(
            UsageGap(begin=moment(each.begin), end=moment(each.end)) for each in gaps.longest
        ),
        gap_seconds=gaps.total // 1000,
    )


@router.get(
    "/usage.csv",
    response_class=StreamingResponse,
    responses={200: {"description": "The file", "content": {"text/csv": {"schema": _TEXT}}}},
)
async def download_usage(
    service: ServiceOf, sums: SumsOf, reading: Annotated[UsageReading, Depends(download)]
) -> StreamingResponse:
    """Download the same as a file of comma-separated values, a line for each name and time.

    Texts that programs for tables would take for a formula begin with an apostrophe.
    """
    if await reading.count(sums, MAX_LINES + 1) > MAX_LINES:
        raise _too_many(MAX_LINES)
    table = UsageTable(
        sums,
        await reading.measures(sums),
        (await reading.gaps(sums.begin, _until(service, sums), MAX_LINES)).longest,
    )
    return StreamingResponse(
        table.text(reading.sums(sums)),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="usage.csv"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _read(reading: UsageReading, sums: Sums) -> list[Sum]:
    """The sums of a document.

    Raises:
        RefusedQueryError: There are too many.
    """
    found: list[Sum] = []
    number = 0
    async with contextlib.aclosing(reading.sums(sums)) as results:
        async for each in results:
            number += not found or each[:2] != found[-1][:2]  # another name or time
            if number > MAX_SUMS:
                raise _too_many(MAX_SUMS)
            found.append(each)
    return found


def _too_many(most: int) -> RefusedQueryError:
    return RefusedQueryError(
        422, "", f"This has more than {most} sums: use a shorter range, another `by` or `step`"
    )


def _until(service: Service, sums: Sums) -> int:
    """The end of what can have been observed."""
    return min(sums.end, int(service.clock() * 1000))


def _series(name: str, sums: Sequence[Sum], *, with_points: bool) -> UsageSeries:
    points = (
        UsagePoint(time=moment(time or 0), **dict(Amounts.of(of_time)))
        for time, of_time in groupby(sums, attrgetter("time"))
        if with_points
    )
    return UsageSeries(name=name, total=Amounts.of(sums), points=tuple(points))

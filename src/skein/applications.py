"""Finding applications, as `skein` lets its users ask for them."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skein.exceptions import SkeinError
from yarnhub.base.errors import AccessDeniedError, ApplicationNotFoundError
from yarnhub.client.submission import APPLICATION_TYPE
from yarnhub.yarn.queues.tree import is_same_queue
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

    When = dt.datetime | str | None

_ACTIVE = ("SUBMITTED", "ACCEPTED", "RUNNING")
_DAY_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_MAY_NOT_ACT = ".AuthorizationException"
"""Of who may not act for somebody. Source: ProxyUsers.authorize (Hadoop 3.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which applications are asked for; None filters nothing.

    Attributes:
        states: Names of states, in any case; None is those of applications that have not ended.
        name: The application's.
        user: Its owner.
        queue: The queue's name, with or without the queues above it.
        started_begin: Not started before; local time, inclusive. A text like `2026-01-31`,
            `2026-01-31 12:00[:30]`, or `12:00[:30]` for today, will do.
        started_end: Not started after.
        finished_begin: Not finished before.
        finished_end: Not finished after.
    """

    states: Iterable[str] | None = None
    name: str | None = None
    user: str | None = None
    queue: str | None = None
    started_begin: When = None
    started_end: When = None
    finished_begin: When = None
    finished_end: When = None


async def find_applications(client: Client, filters: Filters) -> tuple[ApplicationReport, ...]:
    """The applications that pass, by id.

    Raises:
        ValueError: A state or a time is none.
    """
    states = _ACTIVE if filters.states is None else filters.states
    request = GetApplicationsRequest(
        application_states=tuple(_state(state) for state in states),
        users=(filters.user,) if filters.user else (),
        name=filters.name or None,
        start_begin=_milliseconds("started_begin", filters.started_begin),
        start_end=_milliseconds("started_end", filters.started_end),
        finish_begin=_milliseconds("finished_begin", filters.finished_begin),
        finish_end=_milliseconds("finished_end", filters.finished_end),
    )
    if not request.application_states:
        return ()  # YARN takes none named for all of them
    found = await client.applications(request)
    return tuple(report for report in found if _passes(report, filters))


def _passes(report: ApplicationReport, filters: Filters) -> bool:
    # YARN knows these filters too, and not everywhere: what it passes is looked at again.
    finishes = filters.finished_begin is not None or filters.finished_end is not None
    return (
        (not filters.queue or is_same_queue(report.queue, filters.queue))
        and (not filters.name or report.name == filters.name)
        and (report.finish_time > 0 or not finishes)
    )


def _state(name: str) -> YarnApplicationState:
    try:
        return YarnApplicationState[str(name).upper()]
    except KeyError as error:
        known = ", ".join(YarnApplicationState.__members__)
        raise ValueError(f"{name!r} is not an application's state; known are {known}") from error


def _milliseconds(name: str, when: When) -> int | None:
    found = parse_time(when, name)
    return None if found is None else int(found.timestamp() * 1000)


def parse_time(when: When, name: str) -> dt.datetime | None:
    """A time as skein takes it: local without a zone, with one, or text; None stays None.

    Args:
        when: A time; or its text, such as `2026-01-31 12:00`, or `12:00` for today.
        name: What the caller calls it.

    Raises:
        TypeError: It is neither.
        ValueError: The text is no time.
    """
    if when is None or isinstance(when, dt.datetime):
        return when
    if not isinstance(when, str):
        raise TypeError(f"{name} must be a datetime or a str, not {type(when).__name__}")
    today = dt.datetime.now().strftime("%Y-%m-%d")  # noqa: DTZ005  # the user's own day
    for text, forms in (when.strip(), _DAY_FORMATS), (f"{today} {when.strip()}", _DAY_FORMATS[1:]):
        for form in forms:
            try:
                return dt.datetime.strptime(text, form)  # noqa: DTZ007  # local, as in skein
            except ValueError:
                continue
    raise ValueError(
        f"{name}: {when!r} is not a time: write it like '2026-01-31', '2026-01-31 12:00[:30]', or "
        "'12:00[:30]' for today"
    )


async def find_application(client: Client, number: ApplicationId) -> ApplicationReport:
    """One application, as its owner sees it where the caller may act for them.

    Raises:
        ApplicationNotFoundError: YARN knows none of this id.
        SkeinError: It was not submitted by skein.
    """
    async with seen(client, number) as (_, report):
        return of_skein(report)


def of_skein(report: ApplicationReport) -> ApplicationReport:
    """The report itself.

    Raises:
        SkeinError: It is of an application that was not submitted by skein.
    """
    if report.application_type != APPLICATION_TYPE:
        raise SkeinError(
            f"{report.application_id} is not a skein application: its type is "
            f"{report.application_type}"
        )
    return report


@contextlib.asynccontextmanager
async def reading_logs(client: Client, number: ApplicationId) -> AsyncIterator[Client]:
    """The client that reads an application's logs, as `seen`.

    Of an application that the ResourceManager has forgotten there may be logs all the same.

    Raises:
        SkeinError: It was not submitted by skein.
    """
    async with contextlib.AsyncExitStack() as stack:
        found = client
        with contextlib.suppress(ApplicationNotFoundError):
            found, report = await stack.enter_async_context(seen(client, number))
            of_skein(report)
        yield found


@contextlib.asynccontextmanager
async def seen(
    client: Client, number: ApplicationId
) -> AsyncIterator[tuple[Client, ApplicationReport]]:
    """An application's report, and the client to ask more about it.

    With `yarn.acl.enable` YARN shows only the state of what belongs to somebody else: then it is
    asked once more as the owner, if the cluster lets the caller act for them.

    Raises:
        ApplicationNotFoundError: YARN knows none of this id.
    """
    report = await client.application_report(number)
    if report.rpc_port > 0 or report.user == client.user_name:
        yield client, report
        return
    async with client.acting_for(report.user) as owner:
        asked = client
        with contextlib.suppress(AccessDeniedError):
            report = await owner.application_report(number)
            asked = owner
        yield asked, report


async def change(
    client: Client,
    number: ApplicationId,
    function: Callable[[Client], Awaitable[object]],
) -> None:
    """Change an application: as its owner where the caller may not, but may act for them.

    Args:
        client: The caller's.
        number: Which.
        function: Does it, with a client.

    Raises:
        ApplicationNotFoundError: YARN knows none of this id.
        AccessDeniedError: The caller may do neither.
    """
    async with seen(client, number) as (asked, report):
        try:
            await function(asked)
        except AccessDeniedError as error:
            if report.user == asked.user_name:
                raise
            async with client.acting_for(report.user) as owner:
                try:
                    await function(owner)
                except AccessDeniedError as refused:
                    if refused.java_class.endswith(_MAY_NOT_ACT):
                        raise error from refused
                    raise  # the owner may not do it either

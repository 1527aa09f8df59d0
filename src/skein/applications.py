"""Finding applications, as `skein` lets its users ask for them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skein.exceptions import SkeinError
from yarnhub.client.submission import APPLICATION_TYPE
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

    When = dt.datetime | str | None

_ACTIVE = ("SUBMITTED", "ACCEPTED", "RUNNING")
_DAY_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_TIME_FORMATS = ("%H:%M", "%H:%M:%S")


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
        start_begin=_milliseconds(filters.started_begin),
        start_end=_milliseconds(filters.started_end),
        finish_begin=_milliseconds(filters.finished_begin),
        finish_end=_milliseconds(filters.finished_end),
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


def is_same_queue(one: str, other: str) -> bool:
    """Whether two names may be of one queue.

    Hadoop 3.4 reports `root.fruit.apples` where older ones report `apples`; users say either, or
    `fruit.apples`.
    """
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def _state(name: str) -> YarnApplicationState:
    try:
        return YarnApplicationState[str(name).upper()]
    except KeyError as error:
        known = ", ".join(YarnApplicationState.__members__)
        raise ValueError(f"{name!r} is not an application's state; known are {known}") from error


def _milliseconds(when: When) -> int | None:
    if when is None:
        return None
    if isinstance(when, str):
        when = parse_time(when, dt.datetime.now().astimezone())
    return int(when.timestamp() * 1000)


def parse_time(text: str, now: dt.datetime) -> dt.datetime:
    """Read a local time such as `2026-01-31 12:00`, or `12:00` for today.

    Args:
        text: What to read.
        now: For today's date.

    Raises:
        ValueError: It is none.
    """
    for form in _DAY_FORMATS:
        try:
            return dt.datetime.strptime(text.strip(), form).astimezone(now.tzinfo)
        except ValueError:
            continue
    for form in _TIME_FORMATS:
        try:
            at = dt.datetime.strptime(text.strip(), form).astimezone()
        except ValueError:
            continue
        return now.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0)
    raise ValueError(
        f"{text!r} is not a time: write it like '2026-01-31', '2026-01-31 12:00[:30]', or "
        "'12:00[:30]' for today"
    )


async def find_application(client: Client, number: ApplicationId) -> ApplicationReport:
    """One application.

    Raises:
        ApplicationNotFoundError: YARN knows none of this id.
        SkeinError: It was not submitted by skein.
    """
    report = await client.application_report(number)
    if report.application_type != APPLICATION_TYPE:
        raise SkeinError(
            f"{number} is not a skein application: its type is {report.application_type}"
        )
    return report

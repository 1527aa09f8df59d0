"""Finding applications, as `skein` lets its users ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skein.exceptions import SkeinError
from yarnhub.client.submission import APPLICATION_TYPE
from yarnhub.yarn.records.applications import LogAggregationStatus, YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from yarnhub.client.client import Client
    from yarnhub.client.logs import LogChunk, LogFile
    from yarnhub.client.settings import Settings
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

    When = dt.datetime | str | None

_ACTIVE = ("SUBMITTED", "ACCEPTED", "RUNNING")
_UPLOADING = (
    LogAggregationStatus.NOT_START,
    LogAggregationStatus.RUNNING,
    LogAggregationStatus.RUNNING_WITH_FAILURE,
)
_LOGS = 30.0
"""Seconds that the upload of logs is waited for. YARN forgets its state when it is restarted."""
_OF_YARN = frozenset({"directory.info", "launch_container.sh", "prelaunch.out"})
"""Files that YARN adds to the logs of every container: long, and the same each time. The launch
script holds all of the environment. Source: yarn.nodemanager.log-container-debug-info.enabled."""
_OF_LAUNCH = frozenset({"prelaunch.err"})
"""Of interest when there is something in it."""
_LOOK = 0.25
"""Seconds between two looks at an application."""
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


def _is_telling(file: LogFile) -> bool:
    return file.name not in _OF_YARN and (file.length > 0 or file.name not in _OF_LAUNCH)


async def read_logs(
    client: Client, settings: Settings, number: ApplicationId, deadline: float = _LOGS
) -> AsyncGenerator[LogChunk, None]:
    """The logs of an application that has ended, container by container, file by file.

    What YARN itself writes about the launch of each container is left out.

    NodeManagers upload them in the seconds after the end: that is waited for. Close the generator
    when it is left early.

    Args:
        client: The cluster.
        settings: The same, as a user who may read the logs.
        number: Which application.
        deadline: Seconds that the upload is waited for; then what is there is read.

    Raises:
        SkeinError: It runs still, or was not submitted by skein.
        LogsNotReadyError: There is nothing.
    """
    from yarnhub.client.files import user_file_system
    from yarnhub.client.logs import aggregated_logs

    report = await find_application(client, number)
    state = report.yarn_application_state
    if not state.ended:
        raise SkeinError(
            f"{number} is {state.name}: YARN gathers the logs when an application has ended"
        )
    until = time.monotonic() + deadline
    while report.log_aggregation_status in _UPLOADING and time.monotonic() < until:
        await asyncio.sleep(_LOOK)
        report = await client.application_report(number)
    async with await user_file_system(settings) as file_system:
        chunks = aggregated_logs(
            file_system, settings.configuration, number, report.user, wanted=_is_telling
        )
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                yield chunk

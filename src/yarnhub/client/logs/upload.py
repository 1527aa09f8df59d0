"""Whether the logs of an ended application were uploaded, as the ResourceManager reports it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.client.logs.aggregated import (
    LogAggregationOffError,
    LogsNotReadyError,
    LogsRemovedError,
)
from yarnhub.yarn.records.applications import LogAggregationStatus as Aggregation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from yarnhub.yarn.records.applications import ApplicationReport

_LOOK = 0.25
"""Seconds between two reports."""
_BEGIN, _UPLOAD = 30.0, 600.0
"""Seconds to wait for the upload: to start, and in total. A restarted ResourceManager forgets its
progress, and gives up after the latter (yarn.log-aggregation-status.time-out.ms)."""
_UNDER_WAY = frozenset({Aggregation.RUNNING, Aggregation.RUNNING_WITH_FAILURE})
_INCOMPLETE = frozenset({Aggregation.FAILED, Aggregation.TIME_OUT, *_UNDER_WAY})


def is_incomplete(report: ApplicationReport) -> bool:
    """Whether logs of an ended application are missing, or are still being uploaded."""
    return report.log_aggregation_status in _INCOMPLETE


async def upload(
    report: ApplicationReport, look: Callable[[], Awaitable[ApplicationReport]]
) -> AsyncGenerator[ApplicationReport, None]:
    """Wait for the nodes, which upload logs when an application ends; yields each new report.

    Close the generator (`contextlib.aclosing`) if you leave it early; cancelling leaves nothing
    behind.

    Args:
        report: The report of an ended application.
        look: Requests a new one.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    while _is_awaited(report) and clock() - began <= _limit(report):
        await asyncio.sleep(_LOOK)
        report = await look()
        yield report


def missing_logs(
    report: ApplicationReport, now: float, error: LogsNotReadyError
) -> LogsNotReadyError | LogAggregationOffError:
    """Why an ended application has no logs.

    Args:
        report: Its report.
        now: Seconds since 1970.
        error: The error of the search.

    Returns:
        `LogsNotReadyError` if they can still appear; `LogsRemovedError` or
        `LogAggregationOffError` if not.
    """
    number, status = report.application_id, report.log_aggregation_status
    if status is Aggregation.DISABLED:
        return LogAggregationOffError(f"the cluster does not keep the logs of {number}")
    if status is Aggregation.NOT_START and not report.launch_time:
        return LogsRemovedError(f"{number} has ended before its first container started")
    if _is_awaited(report) and now - report.finish_time / 1000 < _UPLOAD:
        return LogsNotReadyError(
            f"the logs of {number} have not been uploaded yet: the nodes do this within seconds "
            "after its end"
        )
    if is_incomplete(report):
        return LogsRemovedError(f"the nodes could not upload the logs of {number}")
    if status is None:
        return error
    return LogsRemovedError(f"the logs of {number} were removed: the cluster deletes old ones")


def _is_awaited(report: ApplicationReport) -> bool:
    status = report.log_aggregation_status
    return status in _UNDER_WAY or (status is Aggregation.NOT_START and bool(report.launch_time))


def _limit(report: ApplicationReport) -> float:
    return _UPLOAD if report.log_aggregation_status in _UNDER_WAY else _BEGIN

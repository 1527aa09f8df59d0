"""Rows of a table of applications, for what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yarnhub.watch.table import Row
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId
from yarnhub.yarn.records.resources import Resource

STARTED = 100_000_000_000
"""ms since 1970."""


def row(number: int, seen: int, memory: int = 0, *, ended: int = 0, **changes: Any) -> Row:
    """An application of alice that holds a container.

    Args:
        number: Its number.
        seen: When it was reported, ms since 1970.
        memory: Its MiB-seconds.
        ended: Its end; 0 if it has not ended.
        **changes: Other fields of the report.
    """
    killed, running = YarnApplicationState.KILLED, YarnApplicationState.RUNNING
    usage = ApplicationResourceUsageReport(
        num_used_containers=1,
        used_resources=Resource(memory=1024, virtual_cores=1),
        memory_seconds=memory,
    )
    report = ApplicationReport(
        application_id=ApplicationId(id=number, cluster_timestamp=1),
        user="alice",
        queue="root.default",
        application_type="SPARK",
        start_time=STARTED,
        finish_time=ended,
        yarn_application_state=killed if ended else running,
        current_application_attempt_id=ApplicationAttemptId(attempt_id=1),
        app_resource_usage=usage,
    )
    return Row(replace(report, **changes), version=1, seen=seen, text="")

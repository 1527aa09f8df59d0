"""Waiting for a state of an application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.client.errors import ApplicationFailedError
from yarnhub.control import diagnostics
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.resource_manager import ResourceManager

_FIRST_POLL_INTERVAL = 0.01
POLL_INTERVAL = 0.25
"""Seconds between two polls of an application; they grow from a short first interval."""


async def wait_for_report(
    resource_manager: ResourceManager,
    application_id: ApplicationId,
    wanted: Callable[[ApplicationReport], bool],
) -> ApplicationReport:
    """Poll an application until its report meets a condition.

    Cancelling leaves nothing behind.

    Raises:
        ApplicationNotFoundError: The ResourceManager has no application with this id.
    """
    pause = _FIRST_POLL_INTERVAL
    while True:
        report = await resource_manager.get_application_report(application_id)
        if wanted(report):
            return report
        await asyncio.sleep(pause)
        pause = min(POLL_INTERVAL, pause * 1.5)


def current_address(report: ApplicationReport) -> str | None:
    """The address of an application's ApplicationMaster; None while it has none.

    Raises:
        ApplicationFailedError: The application has ended.
    """
    if report.yarn_application_state.ended:
        raise ended_error(report)
    running = report.yarn_application_state is YarnApplicationState.RUNNING
    return f"{report.host}:{report.rpc_port}" if running and report.rpc_port > 0 else None


def ended_error(report: ApplicationReport) -> ApplicationFailedError:
    """The error for an application that ended before it reached the expected state."""
    return ApplicationFailedError(
        str(report.application_id),
        report.yarn_application_state.name,
        diagnostics.read(report.diagnostics),
    )

"""Waits for an application to start, with notices on standard error."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from skein import exceptions
from skein.exceptions import ApplicationNotRunningError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control import diagnostics
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

NOTICE_DELAY = 5.0
"""Seconds of waiting without a notice."""
POLL_INTERVAL = 0.25
"""Seconds between two requests for the state of an application that a command waits for."""


class Notices:
    """Shows on standard error what a command waits for: after a delay, and at each change.

    Args:
        clock: A clock in seconds.
        show: Prints a line.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        show: Callable[[str], None] = lambda line: print(
            clean_and_cut(line), file=sys.stderr, flush=True
        ),
    ) -> None:
        self._clock = clock
        self._show = show
        self._began = clock()
        self._shown = ""

    @property
    def waited(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def waiting(self, reason: str) -> None:
        """Print the reason, unless it is too early or has been printed."""
        if self.waited >= NOTICE_DELAY and reason != self._shown:
            self._shown = reason
            self._show(reason)


def describe(report: ApplicationReport) -> str:
    """The state of an application that is not running yet, on one line."""
    state = report.yarn_application_state.name
    reason = _without_time(" ".join(report.diagnostics.split()))
    return f"{report.application_id} is {state} in queue {report.queue}{reason and f': {reason}'}"


def _without_time(diagnostics: str) -> str:
    """YARN's diagnostics without their leading time, which changes constantly."""
    if diagnostics.startswith("["):
        return diagnostics.partition("]")[2].strip()
    return diagnostics


def not_running(report: ApplicationReport, purpose: str = "") -> ApplicationNotRunningError:
    """The error for an application that has ended.

    Args:
        report: Its last report.
        purpose: The event that did not happen, such as ` before 'x' was set`.
    """
    state, status = report.yarn_application_state, report.final_application_status
    how = state.name if state.name == status.name else f"{state.name}, {status.name}"
    reason = diagnostics.explain(report.diagnostics)
    return ApplicationNotRunningError(
        f"{report.application_id} has ended{purpose} ({how}){reason and f': {reason}'}\n"
        f"See its logs: skein application logs {report.application_id}"
    )


async def started(
    client: Client, app_id: ApplicationId, notices: Notices, *, deadline: float | None, purpose: str
) -> ApplicationReport:
    """Wait until an application is running; returns its report.

    Raises:
        ApplicationNotRunningError: It has ended.
        TimeoutError: It is still waiting, with the reason.
    """
    while True:
        report = await client.application_report(app_id)
        if report.yarn_application_state is YarnApplicationState.RUNNING:
            return report
        if report.yarn_application_state.ended:
            raise not_running(report, purpose)
        if deadline is not None and notices.waited > deadline:
            raise exceptions.TimeoutError(f"gave up after {deadline:g} s: {describe(report)}")
        notices.waiting(describe(report))
        await asyncio.sleep(POLL_INTERVAL)

"""The states of a batch job, and how it ended, in words."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.explain.words import sentences, summary
from yarnhub.client.logs.selection import LogSelection
from yarnhub.control import diagnostics
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

TAIL = 40
"""Lines of the driver's log that are shown after a failure."""
_POLL = 1.0
"""Seconds between two polls: a job runs for minutes."""
_EXPLAINED = 10.0
"""Seconds that an application waits before the reason is shown."""
_LOG_SECONDS = 60.0
"""Until the logs of an application that has failed are given up."""
_MAX_TAIL_BYTES = 256 * 1024
_NO_MEMORY = (
    "the driver used more memory than its container has: raise --driver-memory, or "
    "spark.driver.memoryOverhead if Python needs it"
)
_EXITS = {
    -104: _NO_MEMORY,
    137: _NO_MEMORY,
    10: "Spark's ApplicationMaster failed",
    11: "too many executors failed",
    12: "Spark's ApplicationMaster lost the ResourceManager",
    13: "the script ended before it had a SparkSession, or had none in time "
    "(spark.yarn.am.waitTime)",
    15: "the script failed",
    127: "its node cannot run it",
}
"""What exit codes of the driver's container mean.

Source: org.apache.spark.deploy.yarn.ApplicationMaster (EXIT_*), and
org.apache.hadoop.yarn.api.records.ContainerExitStatus.
"""


@dataclass(slots=True)
class BatchOutcome:
    """Waits for one application.

    Attributes:
        client: Its user's client.
        application: Its id.
        say: Called with each line for the user.
    """

    client: Client
    application: ApplicationId
    say: Callable[[str], None]
    _said: str = field(default="", init=False)

    async def wait(self) -> ApplicationReport:
        """Wait until it has ended, and say when its state changes. Cancelling leaves it as it is.

        Raises:
            ApplicationNotFoundError: YARN has no application with this id.
        """
        state: YarnApplicationState | None = None
        since = time.monotonic()
        while True:
            report = await self.client.application_report(self.application)
            if report.yarn_application_state.ended:
                return report
            if report.yarn_application_state is not state:
                state, since = report.yarn_application_state, time.monotonic()
                self._say_once(_state(report))
            elif state is YarnApplicationState.ACCEPTED and time.monotonic() - since > _EXPLAINED:
                await self._why_it_waits()
            await asyncio.sleep(_POLL)

    async def explain(self, report: ApplicationReport) -> bool:
        """Say how it ended, with the end of the driver's log if it failed, and clean up.

        Returns:
            Whether it succeeded.
        """
        # Spark deletes the uploads only if its ApplicationMaster comes so far.
        with contextlib.suppress(YarnhubError):
            await self.client.clean_up(self.application)
        succeeded = report.final_application_status is FinalApplicationStatus.SUCCEEDED
        seconds = max(0, report.finish_time - report.start_time) // 1000
        if succeeded:
            self.say(f"{self.application} succeeded after {seconds} s.")
            return True
        killed = report.yarn_application_state is YarnApplicationState.KILLED
        text = _reason(report.diagnostics)
        how = "was killed" if killed else "failed"
        self.say(f"{self.application} {how} after {seconds} s{f': {text}' if text else '.'}")
        if not killed:
            await self._show_log()
        return False

    async def _why_it_waits(self) -> None:
        # It is a hint: whatever fails here does not end the wait.
        with contextlib.suppress(YarnhubError):
            found = await self.client.explain(self.application)
            self._say_once(" ".join((summary(found), *sentences(found, logs=""))))

    def _say_once(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self.say(line)

    async def _show_log(self) -> None:
        """Show the end of what the script wrote, or else of Spark's log."""
        try:
            async with asyncio.timeout(_LOG_SECONDS):
                attempts = await self.client.resource_manager.get_application_attempts(
                    self.application
                )
                containers = [each.am_container_id for each in attempts if each.am_container_id]
                if not containers:
                    return
                for name in ("stdout", "stderr"):
                    if lines := await self._tail(str(containers[-1]), name):
                        self.say(f"The end of the driver's {name}:")
                        for line in lines:
                            self.say(line)
                        return
        except (YarnhubError, TimeoutError) as error:
            why = str(error) or f"not there after {_LOG_SECONDS:g} s"
            self.say(f"The driver's log could not be read: {why}")

    async def _tail(self, container: str, name: str) -> list[str]:
        selection = LogSelection(
            containers=frozenset({container}), files=frozenset({name}), tail=TAIL
        )
        content = bytearray()
        chunks = self.client.logs(self.application, selection, notice=lambda _: None)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                content += chunk.data
                del content[:-_MAX_TAIL_BYTES]
        lines = content.decode(errors="replace").splitlines()
        return [each for each in lines if each.strip()][-TAIL:]


def _reason(text: str) -> str:
    """Why an application failed, on one line."""
    outcome = diagnostics.read(text)
    words = _EXITS.get(outcome.exit_code) if outcome.exit_code is not None else None
    return words or clean_and_cut(diagnostics.explain(text), lines=False)


def _state(report: ApplicationReport) -> str:
    match report.yarn_application_state:
        case YarnApplicationState.ACCEPTED:
            return f"ACCEPTED: YARN starts the driver when queue {report.queue} has room."
        case YarnApplicationState.RUNNING:
            return f"RUNNING: {report.tracking_url}"
        case state:
            return state.name

"""What a build in a container does, as it is reported to those who follow it. No I/O."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control import diagnostics
from yarnhub.control.outcomes import Cause
from yarnhub.control.words import describe
from yarnhub.environments.progress import Progress, Step
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport

KEY = "build/progress"
"""The key of the application's store that has the latest progress."""
_MAX_LINE = 500


class BuildState(enum.Enum):
    """The state of a build on the cluster."""

    WAITING = "waiting"
    """It has no container, or the container starts."""
    RUNNING = "running"
    READY = "ready"
    """It has ended, and the environment is published."""
    FAILED = "failed"
    KILLED = "killed"
    """It was canceled, or YARN has ended it: its time has passed, for example."""

    @property
    def ended(self) -> bool:
        """Whether it is a last state."""
        return self in (BuildState.READY, BuildState.FAILED, BuildState.KILLED)


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """What a build on the cluster does at a moment.

    Attributes:
        state: Its state.
        progress: The step, while it runs.
        reason: Why it waits, or how it ended; empty if unknown.
    """

    state: BuildState
    progress: Progress | None = None
    reason: str = ""


def has_given_up(report: ApplicationReport) -> bool:
    """Whether an ended build has ended its application itself: then nothing follows."""
    return diagnostics.read(report.diagnostics).cause is Cause.UNKNOWN


def reported(report: ApplicationReport) -> BuildProgress:
    """What YARN reports of a build: its state, and how it has ended, but no step.

    Between the end of its container and its own, it waits, too.
    """
    if not report.yarn_application_state.ended:
        has_begun = report.yarn_application_state is YarnApplicationState.RUNNING
        # The only container is its ApplicationMaster's. Hidden numbers are negative.
        is_running = has_begun and report.app_resource_usage.num_used_containers not in (0, 1)
        return BuildProgress(BuildState.RUNNING if is_running else BuildState.WAITING)
    # Its last words, with their lines, or what we know of how it ended.
    outcome = diagnostics.read(report.diagnostics)
    words = report.diagnostics if outcome.cause is Cause.UNKNOWN else describe(outcome)
    match report.final_application_status:
        case FinalApplicationStatus.SUCCEEDED:
            state = BuildState.READY
        case FinalApplicationStatus.KILLED:
            state = BuildState.KILLED
        case _:
            state = BuildState.FAILED
    return BuildProgress(state, reason=clean_and_cut(words).strip())


def with_unknown_result(ended: BuildProgress, problem: str) -> BuildProgress:
    """The end of a build that may have published, if that could not be determined."""
    words = f"Whether the environment was published is unknown: {clean_and_cut(problem)}"
    return replace(ended, reason="\n".join(filter(None, [ended.reason, words])))


def dump(progress: Progress) -> bytes:
    """The value of the key."""
    line = clean_and_cut(progress.line, lines=False)[:_MAX_LINE]
    document = [progress.step.value, progress.done, progress.total, line]
    return json.dumps(document).encode()


def parse(value: bytes) -> Progress:
    """Read the value of the key.

    Raises:
        RemoteProtocolError: It is another document.
    """
    try:
        step, done, total, line = json.loads(value)
        return Progress(Step(step), int(done), int(total), clean_and_cut(str(line), lines=False))
    except (ValueError, TypeError) as error:
        raise RemoteProtocolError(f"the build's progress under {KEY} is not readable") from error

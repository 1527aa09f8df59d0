"""What a build in a container does, as it is reported to those who follow it. No I/O."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.environments.progress import Progress, Step

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

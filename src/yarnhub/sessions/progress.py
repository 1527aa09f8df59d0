"""The progress of a session's start, as data; no I/O, no messages."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.sessions.session import SessionSnapshot


class Stage(enum.Enum):
    """The stage of a start; the values are percentages, unrelated to time."""

    PREPARING = 2
    """The hub has not submitted it yet."""
    SUBMITTING = 5
    """YARN has not accepted it yet."""
    UNKNOWN = 10
    """YARN has accepted it, but does not respond at present."""
    WAITING = 20
    """It waits for its container."""
    LOCALIZING = 50
    """Its node is downloading files."""
    STARTING = 70
    """Its command is running."""
    CONNECTING = 90
    """Its program has reported its port; the hub is waiting for the first response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a session that is starting.

    Attributes:
        queue: The queue of its application.
        asked: Whether the start has begun; before that, the hub prepares it.
        files: Names of the files that the node downloads for it.
        application: The application's id; empty before YARN has accepted it.
        snapshot: The state of the session; None if unknown.
        explanation: Why it is in this state; None if not determined yet.
        port: The port that its program has reported; 0 before that.
    """

    queue: str
    asked: bool = True
    files: Sequence[str] = ()
    application: str = ""
    snapshot: SessionSnapshot | None = None
    explanation: Explanation | None = None
    port: int = 0

    @property
    def stage(self) -> Stage:
        """The stage."""
        if not self.asked:
            return Stage.PREPARING
        if not self.application:
            return Stage.SUBMITTING
        if self.snapshot is None:
            return Stage.UNKNOWN
        if not self.snapshot.node:
            return Stage.WAITING
        if self.port:
            return Stage.CONNECTING
        if self.explanation is not None and self.explanation.starting:
            return Stage.LOCALIZING
        return Stage.STARTING

    @property
    def reasons(self) -> Sequence[Reason]:
        """Why it is waiting for its container, the most important reason first."""
        if self.snapshot is not None and self.snapshot.waits_for is not None:
            return (self.snapshot.waits_for,)
        return self.explanation.reasons if self.explanation is not None else ()

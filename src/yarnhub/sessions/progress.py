"""How far the start of a session is, and what is known of it: no I/O, no words."""

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
    """How far a session is; the values are per cent, and no promise of time."""

    PREPARING = 2
    """The hub has not asked YARN yet."""
    SUBMITTING = 5
    """YARN has not accepted it yet."""
    UNKNOWN = 10
    """YARN has accepted it, and does not respond now."""
    WAITING = 20
    """It has no container yet."""
    LOCALIZING = 50
    """Its node downloads files for it."""
    STARTING = 70
    """Its command runs."""
    CONNECTING = 90
    """Its program has reported its port, and the hub waits for the first response there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of a session that is being started.

    Attributes:
        queue: The queue of its application.
        asked: Whether the start has begun; before, the hub prepares it.
        files: Names of the files that the node downloads for it.
        application: Its id; empty before YARN has accepted it.
        snapshot: Where it is; None if that is not known.
        explanation: Why it is there; None if that has not been looked up yet.
        port: The one that its program has reported; 0 before.
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
        """How far it is."""
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
        """Why it has no container yet, the most important first."""
        if self.snapshot is not None and self.snapshot.waits_for is not None:
            return (self.snapshot.waits_for,)
        return self.explanation.reasons if self.explanation is not None else ()

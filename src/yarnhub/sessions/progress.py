"""What is known of a server that is being started, and how far it is: no I/O, no words."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.sessions.session import Sight


class Stage(enum.Enum):
    """How far a server is; the values are per cent, and no promise of time."""

    PREPARING = 2
    """The hub has not asked YARN yet."""
    SUBMITTING = 5
    """YARN has not accepted it yet."""
    UNKNOWN = 10
    """YARN has accepted it, and does not answer now."""
    WAITING = 20
    """It has no container yet."""
    LOCALIZING = 50
    """Its node fetches files for it."""
    STARTING = 70
    """Its command runs."""
    CONNECTING = 90
    """It has told its port, and the hub waits for its first answer there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known of a server that is being started.

    Attributes:
        queue: That pays.
        asked: Whether the hub has begun to ask YARN: what comes before is its own.
        files: Names of what the node fetches for it.
        application: Its id; empty before YARN has accepted it.
        sight: Where it is; None if nobody can say.
        explanation: Why it is there; None if nobody has asked yet.
        port: That it has told; 0 if it has told none.
        ready: Whether it has proven that it answers there.
    """

    queue: str
    asked: bool = True
    files: Sequence[str] = ()
    application: str = ""
    sight: Sight | None = None
    explanation: Explanation | None = None
    port: int = 0
    ready: bool = False

    @property
    def stage(self) -> Stage:
        """How far it is."""
        if not self.asked:
            return Stage.PREPARING
        if not self.application:
            return Stage.SUBMITTING
        if self.sight is None:
            return Stage.UNKNOWN
        if not self.sight.node:
            return Stage.WAITING
        if self.port or self.ready:
            return Stage.CONNECTING
        if self.explanation is not None and self.explanation.starting:
            return Stage.LOCALIZING
        return Stage.STARTING

    @property
    def reasons(self) -> Sequence[Reason]:
        """Why it has no container yet, the weightiest first."""
        if self.sight is not None and self.sight.waits_for is not None:
            return (self.sight.waits_for,)
        return self.explanation.reasons if self.explanation is not None else ()

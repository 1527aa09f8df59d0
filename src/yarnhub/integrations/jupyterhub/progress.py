"""What a user reads while the server starts: from what is known to a sentence; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.explain.words import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.integrations.jupyterhub.running import Sight

_NAMED = 3
"""How many files are named."""
_REASONS = 2
"""How many reasons are given, the weightiest first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a server's progress.

    Attributes:
        text: A sentence.
        percent: How far it is; no promise of time.
    """

    text: str
    percent: int

    def __post_init__(self) -> None:
        # Words of YARN, of nodes and of a user's own ApplicationMaster may be in it.
        object.__setattr__(self, "text", clean_and_cut(self.text, lines=False))


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
    def message(self) -> Message:
        """What to say."""
        if not self.asked:
            return Message("The hub prepares your server.", 2)
        if not self.application:
            return Message(f"Asking YARN for a container in queue {self.queue}.", 5)
        if self.sight is None:
            return Message(f"YARN does not say how {self.application} is; asking again.", 10)
        if not self.sight.node:
            return Message(self._waiting(self.sight), 20)
        if self.port or self.ready:
            return Message(f"It is there: waiting for its first answer from {self._place}.", 90)
        if self._is_fetching:
            return Message(f"{self._place} fetches {self._fetched()}.", 50)
        return Message(f"Starting on {self._place}.", 70)

    def overdue(self, seconds: float) -> str:
        """What to say of a server that is not ready after so many seconds."""
        return f"Your server is not ready after {seconds:g} s. {self._held_up}"

    @property
    def _held_up(self) -> str:
        if self.asked and not self.application:
            return (
                f"YARN has not accepted it in queue {self.queue} yet: its ResourceManager does not "
                "answer, or files are still being uploaded."
            )
        if self.sight is None or not self.sight.node or self._is_fetching:
            return self.message.text
        if self.port:
            return f"It runs on {self._place}, but nobody answers at port {self.port} of that node."
        return (
            f"Its command runs on {self._place}, but has not told the hub its port: "
            "c.YarnSpawner.cmd has to end in `python -m yarnspawner.singleuser`. What it wrote: "
            f"`skein application logs {self.application}`."
        )

    @property
    def _is_fetching(self) -> bool:
        return self.explanation is not None and bool(self.explanation.starting)

    @property
    def _place(self) -> str:
        assert self.sight is not None
        return f"{self.sight.node} ({self.sight.container})"

    def _waiting(self, sight: Sight) -> str:
        reasons: Sequence[Reason] = (sight.waits_for,) if sight.waits_for else ()
        if not reasons and self.explanation is not None:
            reasons = self.explanation.reasons[:_REASONS]
        said = f"{self.application} waits for a container in queue {self.queue}"
        return f"{said}: {' '.join(map(sentence, reasons))}" if reasons else f"{said}."

    def _fetched(self) -> str:
        named = ", ".join(self.files[:_NAMED])
        more = len(self.files) - _NAMED
        if not named:
            return "what the server needs"
        return f"{named} and {more} more" if more > 0 else named

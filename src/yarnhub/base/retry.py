"""When and how often something is tried again, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with full jitter, bounded in number.

    With jitter a thousand clients that lost one server do not all come back at once.
    """

    attempts: int = 6
    """How often in all; 1 never repeats."""
    first_delay: float = 0.2
    """Seconds before the first repetition at most; doubled for each one that follows."""
    max_delay: float = 5.0
    """Seconds that no delay exceeds."""

    def delay(self, repetition: int, chance: float) -> float:
        """Seconds to wait before a repetition.

        Args:
            repetition: 0 for the first one.
            chance: A random number from 0 to 1, which the caller draws.
        """
        return min(self.max_delay, self.first_delay * 2.0 ** min(repetition, 30)) * chance

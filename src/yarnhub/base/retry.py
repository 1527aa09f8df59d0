"""When and how often a request is retried, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with full jitter, bounded in number.

    With jitter, a thousand clients that lost one server do not reconnect all at once.
    """

    attempts: int = 6
    """The number of attempts; 1 never retries."""
    first_delay: float = 0.2
    """The longest delay before the first retry, in seconds; doubled for each further one."""
    max_delay: float = 5.0
    """The limit of every delay, in seconds."""

    def delay(self, repetition: int, chance: float) -> float:
        """Seconds to wait before a retry.

        Args:
            repetition: 0 for the first one.
            chance: A random number from 0 to 1, which the caller draws.
        """
        return min(self.max_delay, self.first_delay * 2.0 ** min(repetition, 30)) * chance

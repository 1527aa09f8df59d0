"""The clients of one application at its control port, and their common limits."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.shell.server.listener import Accept
    from yarnhub.control.messages import Request

    Answer = Callable[[Request[Any]], Awaitable[object]]
    """Answers a request: with its class of answer, or with a `Failure` or a `ControlError`. A
    future that is done has the answer at once."""

_BURST = 2.0
"""Seconds of the rate that can be used in a burst."""


class ApplicationClients:
    """The holders of one application's key.

    Args:
        answer: Answers a request.
        budgets: The limits of the application.
    """

    def __init__(self, answer: Answer, budgets: Budgets) -> None:
        self.answer = answer
        self.budgets = budgets
        self.streams: Accept | None = None
        """Accepts the connections of `frames.STREAM`; None refuses them."""
        self._connections = 0
        self._paid_until = 0.0

    @property
    def full(self) -> bool:
        """Whether the limit of connections is reached."""
        most = self.budgets.connections
        return most is not None and self._connections >= most

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Count a connection for a block."""
        self._connections += 1
        try:
            yield
        finally:
            self._connections -= 1

    def spend(self, cost: int) -> float:
        """Account for a number of bytes; returns the seconds for which to stop reading."""
        if self.budgets.rate is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        self._paid_until = max(self._paid_until, now - _BURST) + cost / self.budgets.rate
        return max(0.0, self._paid_until - now)

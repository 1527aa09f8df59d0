"""Deadlines whose passing is an error of the tree, with words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.base.errors import DeadlineExceededError, YarnhubError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Words = str | YarnhubError


class Deadline:
    """Cancels a block that takes too long, and raises an error of our own in its place.

    An error that the block raises stays as it is, a `TimeoutError` too: it is another deadline's.
    Entered, it gives the `asyncio.Timeout`, which can be rescheduled.

    Args:
        seconds: From its beginning; None waits as long as it takes.
        error: What is raised, or the message of a `DeadlineExceededError`. A function is called
            when the time has passed.
    """

    def __init__(self, seconds: float | None, error: Words | Callable[[], Words]) -> None:
        self._scope = asyncio.timeout(seconds)
        self._error = error

    async def __aenter__(self) -> asyncio.Timeout:
        return await self._scope.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError as passed:
            found = self._error() if callable(self._error) else self._error
            if isinstance(found, str):
                found = DeadlineExceededError(found)
            raise found from passed

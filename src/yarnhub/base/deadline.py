"""Deadlines that raise errors of `yarnhub.base.errors`, with a message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.base.errors import DeadlineExceededError, YarnhubError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Message = str | YarnhubError


class Deadline:
    """Cancels a block that takes too long, and raises an error of ours instead.

    An error that the block raises is not changed, not even a `TimeoutError`: it belongs to another
    deadline. Entering it returns the `asyncio.Timeout`, which can be rescheduled.

    Args:
        seconds: Seconds from entering the block; None for no limit.
        error: The error to raise, or the message of a `DeadlineExceededError`; or a function that
            returns either, called when the time has passed.
    """

    def __init__(self, seconds: float | None, error: Message | Callable[[], Message]) -> None:
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

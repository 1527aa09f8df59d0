"""Time limits whose passing is an error of the tree, with words."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import DeadlineExceededError, YarnhubError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def time_limit(seconds: float | None, words: Callable[[], str]) -> AsyncIterator[None]:
    """Cancel a block that takes too long.

    Args:
        seconds: From now; None waits as long as it takes.
        words: What the error says.

    Raises:
        DeadlineExceededError: It took too long; an error of that kind of the block's own stays.
    """
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if isinstance(error, YarnhubError) or not scope.expired():
            raise
        raise DeadlineExceededError(words()) from error

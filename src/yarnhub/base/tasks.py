"""Task groups whose error is the error that happened."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` that raises one error as it was raised, instead of a group.

    The first error cancels all other tasks. So callers catch one error of the tree, as with a call
    that does one thing, and a traceback shows that error's own cause. What other tasks raised
    beside it is in its notes.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        error, *others = _weightiest_first(failures)
        for other in others:
            error.add_note(f"another task failed, too: {type(other).__name__}: {other}")
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context  # `raise` has put the group in its place


def _weightiest_first(failures: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """All errors in the order in which they came, but a fault of ours before all others.

    What the network and the peers do is expected, and one such failure is the cause of the rest.
    """
    errors = list(_flatten(failures))
    return sorted(errors, key=lambda error: isinstance(error, YarnhubError | OSError))


def _flatten(failures: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in failures.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(error)
        else:
            yield error

"""Task groups that raise the original error."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` that raises one error as it was raised, instead of a group.

    The first error cancels all other tasks. So callers catch one error of the tree, as with a call
    that does one thing, and a traceback shows that error's own cause. Errors of other tasks are in
    its notes.
    """
    try:
        async with _Group() as group:
            yield group
    except BaseExceptionGroup as failures:
        error, *others = _weightiest_first(failures)
        for other in others:
            error.add_note(f"another task also failed: {type(other).__name__}: {other}")
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context  # `raise` has replaced it by the group


class _Group(asyncio.TaskGroup):
    """Restores a task's cancellation state when a child fails.

    Before Python 3.13 a task that waits at the end of the block then stays marked as cancelled, and
    a timeout that passes in it later is a `CancelledError` (python/cpython#116720).
    """

    _parent_cancel_requested: bool  # asyncio's own, like the next one
    _parent_task: asyncio.Task[Any]

    async def __aexit__(
        self,
        et: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        undone = self._parent_cancel_requested
        try:
            await super().__aexit__(et, exc, tb)
        finally:
            if sys.version_info < (3, 13) and self._parent_cancel_requested and not undone:
                self._parent_task.uncancel()


def _weightiest_first(failures: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """All errors in the order in which they were raised, but bugs first.

    Errors of the network and of peers are expected, and the first such error causes the rest.
    """
    errors = list(_flatten(failures))
    return sorted(errors, key=lambda error: isinstance(error, YarnhubError | OSError))


def _flatten(failures: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in failures.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(error)
        else:
            yield error

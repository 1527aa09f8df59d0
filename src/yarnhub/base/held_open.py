"""An async context manager that is entered when it is first needed, and left by any task."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, TypeVar

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")

_log = logging.getLogger(__name__)


class HeldOpen(Closing, Generic[T]):
    """Holds an async context manager open: one task enters and leaves it, as some require.

    Args:
        make: Constructs it; called again after a failure.
        name: What it is, for logs.
        leave: Seconds for it to be left at the end, before this is cancelled.
    """

    def __init__(
        self, make: Callable[[], AbstractAsyncContextManager[T]], name: str, leave: float = 10.0
    ) -> None:
        self._make = make
        self._name = name
        self._seconds = leave
        self._leave = asyncio.Event()
        self._tasks = BackgroundTasks()
        self._holds: asyncio.Task[None] | None = None
        self._entered: asyncio.Future[T] | None = None

    async def value(self) -> T:
        """What it returned when it was entered.

        Cancelling a call leaves the others waiting. After a failure, the next call tries again.

        Raises:
            Exception: It could not be entered.
        """
        if self._entered is None or self._holds is None or self._holds.done():
            entered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._holds = self._tasks.start(self._hold(entered), self._name)
            self._holds.add_done_callback(lambda _: entered.cancel())  # also if it never began
            self._entered = entered
        return await asyncio.shield(self._entered)

    async def aclose(self) -> None:
        """Leave it; this object cannot be used again."""
        self._leave.set()
        try:
            if self._holds is not None and self._entered is not None and self._entered.done():
                await asyncio.wait([self._holds], timeout=self._seconds)
        finally:
            await self._tasks.aclose()

    async def _hold(self, entered: asyncio.Future[T]) -> None:
        try:
            async with self._make() as value:
                entered.set_result(value)
                await self._leave.wait()
        except Exception as error:  # noqa: BLE001  # raised in the callers that wait, or logged
            if entered.done():
                _log.exception("%s: not held any longer; the next request tries again", self._name)
            else:
                entered.set_exception(error)
                entered.exception()  # asyncio logs errors that nothing has read

"""One look-up shared by concurrent callers."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares one run of a look-up among all callers that call while it runs.

    A cancelled caller leaves the run to the others; the last caller's cancellation ends it. An
    error is raised in every waiting caller, and not cached: the next call looks up again.

    Args:
        look_up: Returns the result.
        fresh: Seconds for which a result is cached.
    """

    def __init__(self, look_up: Callable[[], Coroutine[Any, Any, T]], *, fresh: float = 0) -> None:
        self._look_up = look_up
        self._fresh = fresh
        self._run: asyncio.Task[T] | None = None
        self._callers: dict[asyncio.Task[T], int] = {}
        self._fresh_until = -math.inf

    @property
    def in_use(self) -> bool:
        """Whether a result is cached, or callers wait for one."""
        return self._current() is not None

    async def get(self) -> T:
        """The result, cached or looked up."""
        run = self._current()
        if run is None:
            run = self._run = asyncio.get_running_loop().create_task(self._look_up())
            run.add_done_callback(self._ended)
        self._callers[run] = self._callers.get(run, 0) + 1
        try:
            return await asyncio.shield(run)
        finally:
            self._callers[run] -= 1
            if not self._callers[run]:
                del self._callers[run]
                await self._cancel(run)

    def _current(self) -> asyncio.Task[T] | None:
        """The run that a caller joins, or whose result is cached."""
        run = self._run
        if run is not None and run.done() and not self._is_fresh():
            return None
        return run

    def _is_fresh(self) -> bool:
        return asyncio.get_running_loop().time() < self._fresh_until

    def _ended(self, run: asyncio.Task[T]) -> None:
        # Retrieved in any case: asyncio would log an error that no caller has waited for.
        failed = run.cancelled() or run.exception() is not None
        if run is not self._run:
            return  # it was cancelled
        if failed:
            self._run = None
        else:
            self._fresh_until = asyncio.get_running_loop().time() + self._fresh

    async def _cancel(self, run: asyncio.Task[T]) -> None:
        if run.done():
            return
        if run is self._run:
            self._run = None
        run.cancel()
        await asyncio.wait([run])  # until it has cleaned up, as a caller's own look-up would

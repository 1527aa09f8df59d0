"""An owner for tasks that outlive the call that starts them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from yarnhub.base.closing import Closing
from yarnhub.base.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_log = logging.getLogger(__name__)


class BackgroundTasks(Closing):
    """Holds tasks until they end; an error of a task is logged and does not affect the others.

    If a task's error must end the code that started it, use `yarnhub.base.tasks.task_group`.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        """The event loop holds only weak references to tasks."""
        self._closed = False

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task.

        Raises:
            LocalProtocolError: The owner is closed.
        """
        if self._closed:
            work.close()
            raise LocalProtocolError(f"the task {name!r} cannot start: its owner is closed")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def aclose(self) -> None:
        """Cancel all tasks; returns when the last one has ended, even if it is cancelled."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        cancelled: asyncio.CancelledError | None = None
        while self._tasks:
            try:
                await asyncio.wait(self._tasks)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the task %r has failed", task.get_name(), exc_info=error)

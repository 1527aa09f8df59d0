"""Tasks of the hub's process that nobody awaits: JupyterHub has nothing that could own them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

T = TypeVar("T")

_log = logging.getLogger(__name__)

_tasks: set[asyncio.Task[Any]] = set()
"""Kept here until they end: the event loop itself forgets tasks that nobody else knows."""


def in_background(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Begin a task; a fault that it ends with is logged.

    JupyterHub cancels all tasks when it ends, and waits for them.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _tasks.add(task)
    task.add_done_callback(_over)
    return task


def _over(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a fault in the task %r", task.get_name(), exc_info=error)

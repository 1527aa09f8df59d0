"""The event loop behind the blocking classes: one thread per process, started on first use."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskStatus

T = TypeVar("T")

_lock = threading.Lock()
_portals: dict[int, BlockingPortal] = {}
"""By process id: a forked process has no thread of its parent's."""
_keep: list[contextlib.ExitStack] = []


def _portal() -> BlockingPortal:
    with _lock:
        portal = _portals.get(os.getpid())
        if portal is None:
            # Never left: the thread is a daemon and ends with the process. Leaving it at exit
            # would wait for calls that wait for ever.
            stack = contextlib.ExitStack()
            portal = stack.enter_context(start_blocking_portal(name="skein"))
            _keep.append(stack)
            _portals[os.getpid()] = portal
        return portal


class Held:
    """An asynchronous context manager that is kept open for a blocking object.

    It is left by `close`, or when `owner` is collected.

    Args:
        owner: The blocking object.
        resource: Makes what is kept open.
    """

    def __init__(
        self, owner: object, resource: Callable[[], AbstractAsyncContextManager[object]]
    ) -> None:
        self._portal = _portal()
        self._future, (loop, closing) = self._portal.start_task(_hold, resource)
        # Not a call through the portal: the collector may run in the portal's own thread.
        self._finalizer = weakref.finalize(owner, _signal, loop, closing)
        self._finalizer.atexit = False

    def call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run a coroutine function on the loop; Ctrl-C cancels it."""
        if not self._finalizer.alive:
            raise RuntimeError("it is closed")
        future = self._portal.start_task_soon(function, *arguments)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Leave it; a second time does nothing."""
        if self._finalizer() is not None:
            self._future.result()


async def _hold(
    resource: Callable[[], AbstractAsyncContextManager[object]],
    *,
    task_status: TaskStatus[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    closing = asyncio.Event()
    async with resource():
        task_status.started((asyncio.get_running_loop(), closing))
        await closing.wait()


def _signal(loop: asyncio.AbstractEventLoop, closing: asyncio.Event) -> bool:
    loop.call_soon_threadsafe(closing.set)
    return True

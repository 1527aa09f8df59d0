"""The event loop behind the blocking classes: one thread per process, started on first use."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from anyio.from_thread import BlockingPortal

from skein.exceptions import ConnectionError  # noqa: A004  # skein's name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskStatus

T = TypeVar("T")

_lock = threading.Lock()
_portals: dict[int, BlockingPortal] = {}
"""By process id: a forked process has no thread of its parent's."""

_LAST = 5.0
"""Seconds that connections may take to close at the process's end."""


def _portal() -> BlockingPortal:
    with _lock:
        portal = _portals.get(os.getpid())
        if portal is None:
            portal = _portals[os.getpid()] = _start()
        return portal


def _start() -> BlockingPortal:
    # Not anyio's start_blocking_portal: what it returns has to be left before the interpreter
    # ends, or hangs it, and waits for calls that wait for ever.
    started: Future[BlockingPortal] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="skein", daemon=True)
    thread.start()
    portal = started.result()
    atexit.register(_stop, os.getpid(), portal, thread)
    return portal


def _stop(pid: int, portal: BlockingPortal, thread: threading.Thread) -> None:
    if pid == os.getpid() and thread.is_alive():
        portal.start_task_soon(portal.stop, True)  # noqa: FBT003  # its one parameter
        thread.join(_LAST)


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

    @property
    def open(self) -> bool:
        """Whether it has not been closed."""
        return self._finalizer.alive

    def call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run a coroutine function on the loop; Ctrl-C cancels it.

        Raises:
            ConnectionError: It has been closed.
        """
        if not self.open:
            raise ConnectionError("it is closed")
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
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(closing.set)
    return True

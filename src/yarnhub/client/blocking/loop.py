"""The event loop behind blocking classes: one thread per process, started on first use.

It runs until the process ends and is not stopped before: functions that a program registers, such
as `atexit.register(app.shutdown)`, need it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from anyio.from_thread import BlockingPortal

from yarnhub.base.errors import ConnectError
from yarnhub.filesystem.threads import daemon_thread_queue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskStatus

P = ParamSpec("P")
T = TypeVar("T")


class _Threads(ThreadPoolExecutor):
    """The threads in which the loop resolves names and reads files.

    Python shuts all thread pools down before it calls functions registered with `atexit`, and from
    3.12 on does not start new threads: the work is then done in the loop's own thread.
    """

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `concurrent.futures.Executor`."""
        try:
            return super().submit(function, *args, **kwargs)
        except RuntimeError:
            done: Future[T] = Future()
            try:
                done.set_result(function(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  # it is raised in the caller
                done.set_exception(error)
            return done


@dataclass(frozen=True, slots=True)
class _Loop:
    portal: BlockingPortal
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread

    @classmethod
    def start(cls) -> _Loop:
        # Not anyio's start_blocking_portal: its context must be left before the interpreter ends,
        # or the interpreter hangs; and leaving it waits for all calls, some of which wait forever.
        started: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop]] = Future()

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(_Threads(thread_name_prefix="yarnhub"))
            async with BlockingPortal() as portal:
                started.set_result((portal, loop))
                await portal.sleep_until_stopped()

        thread = threading.Thread(target=asyncio.run, args=(serve(),), name="yarnhub", daemon=True)
        try:
            thread.start()
            daemon_thread_queue()
        except RuntimeError as error:
            raise ConnectError(
                f"{error}: create a client earlier, when the program starts"
            ) from error
        return cls(*started.result(), thread)

    @property
    def runs(self) -> bool:
        """Whether calls are possible: not in a forked process, nor after the interpreter ended."""
        return self.thread.is_alive() and not sys.is_finalizing()


_lock = threading.Lock()
_loops: list[_Loop] = []
"""The last is this process's."""


def _loop() -> _Loop:
    with _lock:
        if not _loops or not _loops[-1].runs:
            _loops.append(_Loop.start())
        return _loops[-1]


class KeptOpen:
    """An asynchronous context manager that is kept open for a blocking object.

    It is closed by `close`, or when `owner` is collected.

    Args:
        owner: The blocking object.
        resource: Creates the context manager.
    """

    def __init__(
        self, owner: object, resource: Callable[[], AbstractAsyncContextManager[object]]
    ) -> None:
        self._loop = _loop()
        self._future, (loop, closing) = self._loop.portal.start_task(_hold, resource)
        # Not a call through the portal: the collector may run in the portal's own thread.
        self._finalizer = weakref.finalize(owner, _signal, loop, closing)
        self._finalizer.atexit = False

    @property
    def open(self) -> bool:
        """Whether it has not been closed."""
        return self._finalizer.alive

    @overload
    def call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T: ...
    @overload
    def call(self, function: Callable[..., T], *arguments: object) -> T: ...
    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Run a function, or a coroutine function, on the loop; Ctrl-C cancels it.

        Raises:
            ConnectError: It was closed, or its loop has ended: with the interpreter, or because
                this process was forked.
        """
        self._check()
        future = self._loop.portal.start_task_soon(function, *arguments)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call_soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called on the loop, and do not wait for it.

        Raises:
            ConnectError: See `call`.
        """
        self._check()
        self._loop.loop.call_soon_threadsafe(function, *arguments)

    def _check(self) -> None:
        if not self._loop.runs:
            raise ConnectError(
                "the interpreter has ended: use atexit or weakref.finalize, not __del__"
                if sys.is_finalizing()
                else "it belongs to the process that this one was forked from: create another"
            )
        if not self.open:
            raise ConnectError("it is closed")

    def close(self) -> None:
        """Close it; may be called again."""
        if self._finalizer() is not None and self._loop.runs:
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

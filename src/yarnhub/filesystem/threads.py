"""Blocking calls that may never return, each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@functools.cache
def daemon_thread_queue() -> queue.SimpleQueue[Callable[[], None]]:
    """The work queue of a daemon thread that is started in advance.

    Python 3.12 starts no threads in handlers of atexit. Code that may run there starts this one in
    advance; calls in the loop's own thread would block the loop.
    """
    work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run() -> None:
        while True:
            work.get()()

    threading.Thread(target=run, name="spare", daemon=True).start()
    return work


os.register_at_fork(
    after_in_child=daemon_thread_queue.cache_clear
)  # the child does not have the thread


class Calls:
    """Blocking calls, some of which may continue after their caller has given up.

    Not `asyncio.to_thread`: its few threads are shared, an unresponsive server would use them up,
    and the interpreter waits for them on exit. These are daemon threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: set[asyncio.Future[object]] = set()

    async def run(self, call: Callable[[], T]) -> T:
        """Make the call. If cancelled, it continues; its result is dropped."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()
        # A separate future: cancelling the caller must not make the call look finished.
        running: asyncio.Future[object] = loop.create_future()
        self._running.add(running)

        def deliver(result: T | None, error: BaseException | None) -> None:
            self._running.discard(running)
            running.set_result(None)
            if ended.done():
                return
            if error is not None:
                ended.set_exception(error)
            else:
                ended.set_result(result)  # type: ignore[arg-type]  # without an error it is a T

        def work() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as caught:  # noqa: BLE001  # it is raised in the caller
                error = caught
            with contextlib.suppress(RuntimeError):  # The loop was closed in the meantime.
                loop.call_soon_threadsafe(deliver, result, error)

        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:  # Python 3.12 starts none in handlers of atexit
            daemon_thread_queue().put(work)
        return await ended

    async def wait_for_abandoned(self, patience: float) -> None:
        """Wait for abandoned calls, at most this many seconds."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience)

"""Blocking calls that may never come back, each in a thread of its own."""

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
def queue_for_thread() -> queue.SimpleQueue[Callable[[], None]]:
    """What one thread works off that is there before it is needed, a daemon.

    Python 3.12 starts no thread in a handler of atexit. Whoever may be called there asks for this
    one before, and calls in the loop's own thread would wait for what the loop does meanwhile.
    """
    work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run() -> None:
        while True:
            work.get()()

    threading.Thread(target=run, name="spare", daemon=True).start()
    return work


os.register_at_fork(after_in_child=queue_for_thread.cache_clear)  # which has no such thread


class Calls:
    """Blocking calls, of which some may still be under way after their caller gave up.

    Not `asyncio.to_thread`: its few threads are everybody's, a hung server would use them up, and
    the interpreter waits for them when it ends. These are daemons: it does not.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: set[asyncio.Future[object]] = set()

    async def run(self, call: Callable[[], T]) -> T:
        """Make the call. Cancelling leaves it running; what it returns then is dropped."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()
        # A future of its own: cancelling the caller must not make the call look ended.
        running: asyncio.Future[object] = loop.create_future()
        self._running.add(running)

        def tell(result: T | None, error: BaseException | None) -> None:
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
            with contextlib.suppress(RuntimeError):  # The loop was closed meanwhile.
                loop.call_soon_threadsafe(tell, result, error)

        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:  # Python 3.12 starts none in a handler of atexit
            queue_for_thread().put(work)
        return await ended

    async def settle(self, patience: float) -> None:
        """Wait for calls that their callers gave up, at most so many seconds."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience)

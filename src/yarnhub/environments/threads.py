"""Blocking work of builds, and of reading what users have written, in threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_PARSER = ThreadPoolExecutor(1, "parser")
"""More threads would parse no faster, and keep the event loop waiting for longer."""


class Stopped(Exception):  # noqa: N818  # it is never seen outside of the thread
    """The work was cancelled."""


class Stop:
    """Tells work in a thread that it was cancelled."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Cancel the work."""
        self._event.set()

    def check(self) -> None:
        """Raise `Stopped` if it was cancelled; called between small parts of the work."""
        if self._event.is_set():
            raise Stopped


async def in_thread(work: Callable[[Stop], T]) -> T:
    """Run work in a thread.

    If cancelled, the work is asked to stop, and has ended when this returns: what it writes can be
    deleted afterwards.
    """
    stop = Stop()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        while not running.done():
            # A second cancellation does not change that the thread has to end first.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        running.exception()
        raise


async def in_parser(work: Callable[[], T]) -> T:
    """Parse a document of a user, who decides how large it is, in the one thread for that.

    Documents of a process are parsed one after the other, and only they wait for that. If
    cancelled, work that has begun ends by itself.
    """
    return await asyncio.get_running_loop().run_in_executor(_PARSER, work)

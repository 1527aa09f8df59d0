"""A lock between processes, released when its holder exits."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import time
from typing import TYPE_CHECKING

from yarnhub.base.errors import DeadlineExceededError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

POLL_INTERVAL = 0.1
"""Seconds between two tries; waiting in the kernel cannot be cancelled."""


@contextlib.asynccontextmanager
async def file_lock(path: Path, *, deadline: float) -> AsyncIterator[None]:
    """Hold an exclusive lock on a file, which is created if it does not exist.

    Args:
        path: The file; it is not deleted.
        deadline: Seconds to wait for another holder.

    Raises:
        DeadlineExceededError: Another process still holds it.
    """
    end = time.monotonic() + deadline
    with await asyncio.to_thread(path.open, "a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise DeadlineExceededError(
                        f"another process still holds {path} after {deadline:g} s"
                    ) from None
                await asyncio.sleep(POLL_INTERVAL)
        yield

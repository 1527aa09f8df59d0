"""How long a loop works at a time, in the middle of a test session."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TURN = 0.001


async def turns_until(done: Callable[[], Any]) -> list[float]:
    """Seconds of work of this thread in each turn of the loop, until something is true.

    Without what others on the machine add, or the objects of a long session when garbage is
    collected: they are the session's, not those of what is tested.
    """
    seconds: list[float] = []
    gc.collect()
    gc.freeze()
    try:
        while not done():
            began = time.thread_time()
            await asyncio.sleep(TURN)
            seconds.append(time.thread_time() - began)
    finally:
        gc.unfreeze()
    return seconds

"""Python's garbage collector, which looks at all applications of the cluster again and again."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

    from yarnhub.watch.application_watch import ApplicationWatch


async def spare(watch: ApplicationWatch) -> NoReturn:
    """Have the collector leave out what the watch has listed first, until cancelled.

    It would block the event loop for 100 ms every few seconds if there are 10 000 applications.
    They are freed without it.
    """
    async with contextlib.aclosing(watch.changes()) as changes:
        while watch.freshness.looked is None and not watch.is_stopped:
            await anext(changes, None)
    gc.collect()
    gc.freeze()
    try:
        while True:
            await asyncio.Event().wait()
    finally:
        gc.unfreeze()

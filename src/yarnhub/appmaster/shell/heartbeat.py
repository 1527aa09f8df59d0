"""When the next heartbeat is due."""

from __future__ import annotations

import asyncio

IDLE_INTERVAL = 1.0
"""Seconds between heartbeats when nothing is awaited: the end of a container is heard of within
this, and the scheduler hears of us long before it gives us up
(`yarn.am.liveness-monitor.expiry-interval-ms`)."""
EAGER_INTERVAL = 0.1
"""Seconds between heartbeats at first while containers are awaited: the scheduler answers out of
memory, and a node reports each second at the default."""
_SLOWDOWN = 1.25


class HeartbeatTimer:
    """Eager while containers are awaited, ever less so; at once when there is something to say.

    Args:
        idle: Seconds between heartbeats when nothing is awaited.
    """

    def __init__(self, idle: float = IDLE_INTERVAL) -> None:
        self._idle = idle
        self._interval = idle
        self._now = asyncio.Event()

    def hasten(self, *, waiting: bool) -> None:
        """Send the next heartbeat at once; with `waiting` the following ones soon."""
        if waiting:
            self._interval = EAGER_INTERVAL
        self._now.set()

    async def wait(self) -> None:
        """Return when the next heartbeat is due."""
        try:
            async with asyncio.timeout(self._interval):
                await self._now.wait()
        except TimeoutError:
            self._interval = min(self._idle, self._interval * _SLOWDOWN)
        self._now.clear()

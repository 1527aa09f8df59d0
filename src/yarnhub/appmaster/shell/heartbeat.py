"""When the next heartbeat is due."""

from __future__ import annotations

import asyncio

IDLE_INTERVAL = 1.0
"""Seconds between heartbeats of an idle application: the end of a container is reported within this
time, which is much shorter than `yarn.am.liveness-monitor.expiry-interval-ms`."""
EAGER_INTERVAL = 0.05
"""Seconds between the first heartbeats while containers are pending: the scheduler responds from
memory, and a node reports every second by default."""
_SLOWDOWN = 1.1
"""An allocated container waits 0.05 s on average for the heartbeat that fetches it, if it is
allocated in the first second; ten seconds later, the intervals are longer than one."""


class HeartbeatTimer:
    """Short intervals while containers are pending, which grow; none if there is a new request.

    Args:
        idle: Seconds between heartbeats if no containers are pending.
    """

    def __init__(self, idle: float = IDLE_INTERVAL) -> None:
        self._idle = idle
        self._interval = idle
        self._now = asyncio.Event()

    def hasten(self, *, waiting: bool) -> None:
        """Send the next heartbeat immediately; with `waiting`, the following ones soon."""
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

"""Whether a port answers."""

from __future__ import annotations

import asyncio

PATIENCE = 2.0
"""Seconds for a connection to come up, within one network."""


async def answers(host: str, port: int) -> bool:
    """Whether something accepts a connection at a port; it is closed at once."""
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # a TimeoutError is one
        return False
    writer.close()
    return True

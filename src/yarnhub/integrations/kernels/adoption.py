"""Kernels of a former server whose folder is gone with its container: found by their notes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from yarnhub.integrations.kernels.server_records import load_record

if TYPE_CHECKING:
    from yarnhub.integrations.kernels.holding import Holding
    from yarnhub.integrations.kernels.server_records import ServerKernelRecord

_WAIT = 5.0
"""Seconds that the first answers of a server wait."""


class Adoption:
    """The kernels that a former server of the same name has left.

    Args:
        holding: The kernels of this server.
        server: The server's name among its user's; empty if its folder outlives it.
    """

    def __init__(self, holding: Holding, server: str) -> None:
        self._holding = holding
        self._server = server
        self._sessions: list[dict[str, str]] = []
        self._done = asyncio.Event()
        if not server:
            self._done.set()

    async def records(self) -> list[ServerKernelRecord]:
        """Store the records of its kernels; returns them. Waits until YARN responds."""
        adopted: list[ServerKernelRecord] = []
        if not self._server:
            return adopted
        for kernel in (await self._holding.found()).kernels():
            try:
                record = load_record(kernel.request.note)
            except ValueError:
                continue  # the note of another client
            known = self._holding.records.get(kernel.id)
            if known is None and (record.id, record.server) == (kernel.id, self._server):
                self._holding.records.put(record)
                adopted.append(record)
        return adopted

    def end(self, sessions: list[dict[str, str]]) -> None:
        """Note that all kernels are listed.

        Args:
            sessions: Jupyter Server's sessions with them.
        """
        self._sessions = sessions
        self._done.set()

    async def wait(self) -> None:
        """Wait a moment until all kernels are listed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT):
                await self._done.wait()

    def take_sessions(self) -> list[dict[str, str]]:
        """The sessions of its kernels, once."""
        taken, self._sessions = self._sessions, []
        return taken

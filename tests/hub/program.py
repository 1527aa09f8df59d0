"""A server in a process of its own, for tests that start, stop and kill it."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Self

import httpx

from yarnhub.cluster.processes.process import (
    Process,
    is_alive,
    send_signal,
    start_process,
    stop_processes,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POLL = 0.05


class Program:
    """A server.

    Args:
        folder: Its folder, in which its log is, too.
        command: What starts it.
        environment: Its variables.
        url: What responds as soon as it is ready.
    """

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], url: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.url = url
        self._command = command
        self._environment = environment
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, deadline: float = 60) -> None:
        """Start it and wait until it is ready."""
        log = self.folder / "log"
        self._process = start_process(self._command, self._environment, folder=self.folder, log=log)
        until = time.monotonic() + deadline
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while not await _responds(client, self.url):
                assert is_alive(self._process), f"it ended:\n{log.read_text()}"
                assert time.monotonic() < until, f"it is not ready:\n{log.read_text()}"
                await asyncio.sleep(POLL)

    async def stop(self) -> None:
        """Stop it as systemd would."""
        if self._process is not None:
            await stop_processes([self._process], grace_period=30)
            self._process = None

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None, "it was not started"
        send_signal(self._process, signal.SIGKILL)
        assert await wait_until_gone([self._process], deadline=10)
        self._process = None


async def _responds(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return not (await client.get(url)).is_server_error  # it may ask for a login
    except httpx.TransportError:
        return False

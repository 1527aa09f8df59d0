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
        log: The name of its log.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        url: str,
        log: str = "log",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.url = url
        self.log = folder / log
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
        assert self._process is None, "it runs already"
        self._process = start_process(
            self._command, self._environment, folder=self.folder, log=self.log
        )
        until = time.monotonic() + deadline
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while not await _responds(client, self.url):
                assert is_alive(self._process), f"it ended:\n{self.tail()}"
                assert time.monotonic() < until, f"it is not ready:\n{self.tail()}"
                await asyncio.sleep(POLL)

    async def stop(self) -> None:
        """Stop it as systemd would."""
        if self._process is not None:
            await stop_processes([self._process], grace_period=30)
            self._process = None

    async def kill(self) -> None:
        """Kill it with SIGKILL, if it runs."""
        if self._process is not None:
            await kill(self._process)
            self._process = None

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def tail(self, lines: int = 40) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])


async def kill(process: Process) -> None:
    """Kill a process with SIGKILL."""
    send_signal(process, signal.SIGKILL)
    assert await wait_until_gone([process], deadline=60), f"{process.pid} does not end"


async def _responds(client: httpx.AsyncClient, url: str) -> bool:
    try:
        answer = await client.get(url)
    except httpx.TransportError:
        return False
    return answer.is_success or answer.status_code == httpx.codes.UNAUTHORIZED

"""A part of the benchmark in a process of its own, so that it does not slow down another one.

It gets a line of JSON that says what to do, and prints one when that works. When its standard input
is closed, it prints another one with what it has counted, and ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

HERE = Path(__file__).resolve().parent
PATIENCE = 30.0
"""Seconds for a part to end."""


class Part:
    """A part that another process runs; an async context manager.

    Args:
        name: The name of its script.
        env: The variables of its process.
        task: What it does.

    Attributes:
        ready: What it says when it works.
    """

    def __init__(self, name: str, env: Mapping[str, str], **task: object) -> None:
        self.ready: dict[str, Any] = {}
        self._name = name
        self._env = env
        self._task = task

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, HERE / f"{self._name}.py", env=self._env, stdin=pipe, stdout=pipe
        )
        try:
            self._process.stdin.write(json.dumps(self._task).encode() + b"\n")
            self.ready = await self._line()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    async def end(self) -> dict[str, Any]:
        """End it, and return what it has counted."""
        self._process.stdin.close()
        return await self._line()

    async def _line(self) -> dict[str, Any]:
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._name}.py has ended")
        return json.loads(line)


class Task:
    """What a part is to do, in its own process.

    Attributes:
        words: What it was told.
    """

    def __init__(self, words: dict[str, Any], lines: asyncio.StreamReader) -> None:
        self.words = words
        self._lines = lines

    @classmethod
    async def receive(cls) -> Self:
        """Wait for it."""
        lines = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(lines)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        return cls(json.loads(await lines.readline()), lines)

    def say(self, **figures: float) -> None:
        """Say that it works, or what was counted."""
        print(json.dumps(figures), flush=True)

    async def ended(self) -> None:
        """Wait until it is to end."""
        await self._lines.read()

"""A client that speaks in frames: many requests at a time, each answered when it is ready."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.appmaster.shell.connections import close
from yarnhub.control.frames import Frame, Frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

IDLE = 300.0
"""Seconds in which a client that waits for nothing must ask for something, or a piece of an answer
be read; then it is closed."""
_MOST = 1000
"""Requests of one client at a time; further ones are read later."""
_READ = 1 << 18


class Conversation:
    """One client's connection.

    Args:
        reader: What the client says.
        writer: What it is told.
        answer: The answer to a frame.
        limit: Bytes in a request.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[Frame], Awaitable[Frame]],
        limit: int,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._frames = Frames(limit)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ready: list[bytes] = []
        self.last = False

    @property
    def busy(self) -> bool:
        """Whether a request has come whose answer is not out."""
        return bool(self._tasks)

    async def run(self) -> None:
        """Serve until the client goes or is idle. What it still waits for is then withdrawn."""
        try:
            async with asyncio.TaskGroup() as group:
                while data := await self._read():
                    for frame in self._frames.feed(data):
                        self._take(frame, group)
                    while len(self._tasks) >= _MOST:
                        await asyncio.wait(
                            self._tasks.values(), return_when=asyncio.FIRST_COMPLETED
                        )
                for task in self._tasks.values():
                    task.cancel()
        except* (OSError, TimeoutError):
            pass  # the client went away, or what was sent on to it did
        finally:
            await close(self._writer)

    async def _read(self) -> bytes:
        if self._writer.transport.get_write_buffer_size():
            async with asyncio.timeout(IDLE):
                await self._writer.drain()
        while True:
            try:
                async with asyncio.timeout(IDLE):
                    return await self._reader.read(_READ)
            except TimeoutError:
                if not self._tasks:
                    raise

    def _take(self, frame: Frame, group: asyncio.TaskGroup) -> None:
        task = self._tasks.get(frame.number)
        if task is not None:
            task.cancel()
        elif not self.last and (frame.name or frame.body is None):
            self._tasks[frame.number] = group.create_task(self._reply(frame))

    async def _reply(self, frame: Frame) -> None:
        try:
            answer = await self._answer(frame)
        finally:
            del self._tasks[frame.number]
        self._ready.append(bytes(answer))
        if not self._tasks:
            self._flush()
            if self.last:
                self._writer.close()
        elif len(self._ready) == 1:  # others may be ready at the same time
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        self._writer.write(b"".join(ready))

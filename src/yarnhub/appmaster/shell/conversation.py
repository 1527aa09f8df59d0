"""A client that speaks in frames: many requests at a time, each answered when it is ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.base.tasks import task_group
from yarnhub.control.frames import Frame, Frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

IDLE = 300.0
"""Seconds in which a client that waits for nothing must ask for something, or a piece of an answer
be read; then it is closed."""
_MOST = 1000
"""Requests of one client at a time; further ones are read later."""
_READ = 1 << 18


class Conversation(asyncio.Protocol):
    """One client's connection.

    What has come first is read from the stream; then this takes the transport over, which saves
    each request two rounds of the loop.

    Args:
        reader: What the client says.
        writer: What it is told.
        answer: The answer to a frame.
        limit: Bytes in a request.
    """

    _group: asyncio.TaskGroup

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[Frame], Awaitable[Frame]],
        limit: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._transport: asyncio.Transport = writer.transport  # type: ignore[assignment]  # TCP's
        self._answer = answer
        self._frames = Frames(limit)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ready: list[bytes] = []
        self._ended = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._heard = self._loop.time()
        self._unread = False
        self.last = False

    @property
    def busy(self) -> bool:
        """Whether a request has come whose answer is not out."""
        return bool(self._tasks)

    async def run(self) -> None:
        """Serve until the client goes or is idle. What it still waits for is then withdrawn."""
        try:
            async with task_group() as self._group:
                self._watch()
                first = await self._reader.read(_READ)
                if first:
                    self._transport.set_protocol(self)
                    self.data_received(first)
                    await self._ended.wait()
                for task in self._tasks.values():
                    task.cancel()
        except OSError:
            pass  # what was sent on to somebody went wrong
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            self._transport.abort()

    def _watch(self) -> None:
        """Look after the client each time that it may have been silent for too long."""
        silent = self._loop.time() - self._heard
        if silent >= IDLE and (self._unread or not self._tasks):
            self._transport.abort()
            return
        pause = IDLE if silent >= IDLE else IDLE - silent
        self._alarm = self._loop.call_later(pause, self._watch)

    # --- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard = self._loop.time()
        for frame in self._frames.feed(data):
            self._take(frame)
        if len(self._tasks) >= _MOST:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        """See `asyncio.BaseProtocol`."""
        self._ended.set()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`: a client that does not read is not heard either."""
        self._unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._unread = False
        self._heard = self._loop.time()
        self._transport.resume_reading()

    # --- requests

    def _take(self, frame: Frame) -> None:
        task = self._tasks.get(frame.number)
        if task is not None:
            task.cancel()
        elif not self.last and (frame.name or frame.body is None):
            self._tasks[frame.number] = self._group.create_task(self._reply(frame))

    async def _reply(self, frame: Frame) -> None:
        try:
            answer = await self._answer(frame)
        finally:
            del self._tasks[frame.number]
        if len(self._tasks) == _MOST - 1 and not self._unread:
            self._transport.resume_reading()
        self._ready.append(bytes(answer))
        if not self._tasks:
            self._flush()
            if self.last:
                self._transport.close()
        elif len(self._ready) == 1:  # others may be ready at the same time
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        self._transport.write(b"".join(ready))

"""A client that uses frames: concurrent requests, each answered when its answer is ready."""

from __future__ import annotations

import asyncio
import select
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.budgets import REQUEST
from yarnhub.base.tasks import task_group
from yarnhub.control.frames import Frame, Frames

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Coroutine

    from yarnhub.appmaster.shell.server.clients import ApplicationClients

IDLE_TIMEOUT = 300.0
"""Seconds after which the connection is closed if an idle client sends no request, or does not read
a piece of an answer."""
_TURN = 32 * REQUEST
"""Bytes in answers to one client, with `REQUEST` more for each, before others have their turn."""
_READ_SIZE = 1 << 18


class FrameConnection(asyncio.Protocol):
    """One client's connection.

    The first bytes are read from the stream; then this object takes over the transport, which saves
    two iterations of the loop for each request.

    Args:
        reader: The stream from the client.
        writer: The stream to the client.
        answer: Returns the answer to a frame, or what waits for it.
        clients: The application's clients. Reading pauses while they exceed their limits.
    """

    _group: asyncio.TaskGroup

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[Frame], Frame | Coroutine[Any, Any, Frame]],
        clients: ApplicationClients,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._transport: asyncio.Transport = writer.transport  # type: ignore[assignment]  # TCP's
        self._answer = answer
        self._clients = clients
        self._frames = Frames(clients.budgets.body)
        self._pending: OrderedDict[int, Frame] = OrderedDict()
        """Requests that were read but not started, by number."""
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """Requests whose answers have to be waited for."""
        self._ready: list[bytes] = []
        self._ended = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._heard = self._loop.time()
        self._unread = False
        self._throttle: asyncio.TimerHandle | None = None
        """Scheduled while the clients exceed their rate."""
        self._paused = False
        self._queued = False
        """Whether this client has another turn after the others."""
        self.last = False

    @property
    def busy(self) -> bool:
        """Whether a request has arrived that is not answered."""
        return bool(self._tasks or self._pending or self._ready)

    async def run(self) -> None:
        """Serve until the client leaves or is idle. Its waiting requests are then withdrawn."""
        with self._clients.connected():
            await self._run()

    async def _run(self) -> None:
        try:
            async with task_group() as self._group:
                self._watch()
                try:
                    first = await self._reader.read(_READ_SIZE)
                    if first:
                        self._transport.set_protocol(self)
                        self.data_received(first)
                        await self._ended.wait()
                finally:
                    self._pending.clear()
                for task in self._tasks.values():
                    task.cancel()
        except OSError:
            pass  # an error of a proxied request
        finally:
            for timer in (self._alarm, self._throttle):
                if timer is not None:
                    timer.cancel()
            self._transport.abort()

    def _watch(self) -> None:
        """Check the client whenever it may have been idle for too long."""
        silent = self._loop.time() - self._heard
        if silent >= IDLE_TIMEOUT and (self._unread or not self._tasks):
            self._transport.abort()
            return
        pause = IDLE_TIMEOUT if silent >= IDLE_TIMEOUT else IDLE_TIMEOUT - silent
        self._alarm = self._loop.call_later(pause, self._watch)

    # --- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard = self._loop.time()
        self._spend(len(data))
        for frame in self._frames.feed(data):
            self._take(frame)
        self._go_on()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`: a client that closes its side does not need answers."""
        self._ended.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        """See `asyncio.BaseProtocol`."""
        self._ended.set()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`: if a client does not read, its requests are not read."""
        self._unread = True
        self._go_on()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._unread = False
        self._heard = self._loop.time()
        self._go_on()

    # --- limits

    def _spend(self, cost: int) -> None:
        """Account for what was read or answered; continue once that is within the rate."""
        pause = self._clients.spend(cost)
        if pause > 0 and self._throttle is None:
            self._throttle = self._loop.call_later(pause, self._relieve)

    def _relieve(self) -> None:
        self._throttle = None
        self._spend(0)  # other clients may have used more meanwhile
        self._go_on()

    def _go_on(self) -> None:
        """Start requests within the limits, and continue reading once all are started."""
        room = _TURN
        while self._pending and room > 0 and self._may_start:
            _, frame = self._pending.popitem(last=False)
            if frame.number not in self._tasks:
                room -= self._start(frame)
        if self._pending and self._may_start and not self._queued:
            self._queued = True
            self._group.create_task(self._next_turn())
        if self._ready:
            self._flush()
        paused = bool(self._pending) or not self._may_start
        if paused is not self._paused:
            self._paused = paused
            # No effect if the transport is closing.
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    async def _next_turn(self) -> None:
        self._queued = False
        self._go_on()

    @property
    def _may_start(self) -> bool:
        """Whether the limits allow another request."""
        held = self._unread or self._throttle is not None
        return not held and len(self._tasks) < self._clients.budgets.at_once

    # --- requests

    def _take(self, frame: Frame) -> None:
        task = self._tasks.get(frame.number)
        if task is not None:
            task.cancel()
        elif frame.name or frame.body is None:
            if not self.last:
                self._pending[frame.number] = frame
        else:
            self._pending.pop(frame.number, None)

    def _start(self, frame: Frame) -> int:
        """Answer a request, or begin to wait for its answer; returns the cost."""
        answer = self._answer(frame)
        if isinstance(answer, Frame):
            return self._send(answer)
        self._tasks[frame.number] = self._group.create_task(self._wait(frame.number, answer))
        return REQUEST

    async def _wait(self, number: int, answer: Awaitable[Frame]) -> None:
        try:
            found = await answer
        finally:
            del self._tasks[number]
        self._send(found)
        if self._tasks:
            if len(self._ready) > 1:
                return  # it is sent with the first
            await asyncio.sleep(0)  # other answers may be ready at the same time
        self._go_on()

    def _send(self, answer: Frame) -> int:
        """Have an answer sent by the next `_go_on`; returns its cost."""
        self._ready.append(content := bytes(answer))
        cost = REQUEST + len(content)
        self._spend(cost)
        return cost

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        if self._paused and self._hung_up():
            self._ended.set()
        # asyncio logs each write to a client that has left.
        if not (self._ended.is_set() or self._transport.is_closing()):
            self._transport.write(b"".join(ready))
        if self.last and not (self.busy or self._transport.is_closing()):
            self._transport.close()

    def _hung_up(self) -> bool:
        """Whether the client has left, which asyncio does not report while reading is paused."""
        # A closed TLS transport has no socket.
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        return bool(poll.poll(0))

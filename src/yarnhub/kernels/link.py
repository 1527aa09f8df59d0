"""The connections of a kernel's launcher, at the end of the process that holds the kernel."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.budgets import MIB, REQUEST
from yarnhub.appmaster.shell.server.listener import close, release_buffer
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    CallOutcome,
    ConnectionLostError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut, quoted
from yarnhub.kernels.protocol import (
    MAX_LINE,
    MAX_PARTS,
    RECEIVED,
    Channel,
    Order,
    Purpose,
    line,
    read_report,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.kernels.protocol import Report

_log = logging.getLogger(__name__)

_MAX_IDLE = 8
"""Idle connections that are kept; a launcher keeps fewer. The oldest goes, which may be dead."""
_MAX_ORDERS = 64
"""Orders that are kept until they are confirmed. A restart replaces all before it."""
_MAX_NUMBER = 2**53
"""Of whatever a report counts: exact in every implementation of JSON."""
_MAX_CODE = 2**31
_MAX_ERROR = 1000
"""Characters of the operating system's words."""
_BUFFER = MIB
"""Bytes of a channel that are read ahead of what takes them."""
_HISTORY_TIMEOUT = 60.0
"""Seconds for all kept messages to arrive."""


class LauncherLink:
    """The connections of one kernel's launcher, and the orders that it has not confirmed.

    Args:
        name: What messages of the log call the kernel.
        history: Bytes of messages that the launcher keeps, see `protocol.Launch`.
        spend: Accounts for so many bytes of the application; returns how many seconds nothing more
            of it is to be taken, see `ApplicationClients.spend`.
        clock: Seconds since 1970.
        changed: Called when `report` or `connected` is another one.
        answer: Answers a line with a request of the kernel's process.

    Attributes:
        report: The latest; None before the first one.
        connected: Whether the launcher is connected and has reported.
    """

    def __init__(
        self,
        name: str,
        *,
        history: int,
        spend: Callable[[int], float],
        clock: Callable[[], float],
        changed: Callable[[], None],
        answer: Callable[[bytes], Awaitable[bytes]],
    ) -> None:
        self.report: Report | None = None
        self.connected = False
        self._name = name
        self._history = 2 * history + MIB  # the lengths of many small parts come on top
        self._spend = spend
        self._clock = clock
        self._changed = changed
        self._answer = answer
        self._control: asyncio.StreamWriter | None = None
        self._idle: deque[_Idle] = deque()
        self._transports: set[asyncio.BaseTransport] = set()
        self._orders: deque[Order] = deque(maxlen=_MAX_ORDERS)
        self._number = 0
        self._news = asyncio.Event()
        self._closed = False
        self._complained = False

    # --- connections

    async def accept(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve a connection of the launcher, given its first byte, until it ends."""
        if self._closed:
            return
        transport = writer.transport
        self._transports.add(transport)
        try:
            if first == Purpose.CONTROL.value:
                await self._serve_control(reader, writer)
            elif first == Purpose.IDLE.value:
                await self._serve_idle(transport)
            elif first == Purpose.REQUEST.value:
                await self._serve_request(reader, writer)
            else:
                raise RemoteProtocolError(f"a connection begins with {first!r}")
        except RemoteProtocolError as error:
            self._complain(error)
        finally:
            self._transports.discard(transport)

    def close(self) -> None:
        """Close all connections and accept no more: the kernel is dead."""
        self._closed = True
        self._orders.clear()
        for transport in tuple(self._transports):
            transport.abort()  # type: ignore[attr-defined]  # TCP's and TLS's have it
        self._notify()

    def _complain(self, error: RemoteProtocolError) -> None:
        level = logging.DEBUG if self._complained else logging.WARNING
        self._complained = True  # once: its container could fill the log
        _log.log(level, "%s: a connection of its launcher is closed: %s", self._name, error)

    def _notify(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    # --- the control connection

    async def _serve_control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._control is not None:
            self._control.transport.abort()  # the launcher has connected again
        self._control = writer
        self.connected = False
        try:
            while True:
                received = await _line(reader)
                if received is None or self._control is not writer:
                    return
                self._take(_checked(read_report(received)), writer)
                if pause := self._spend(len(received) + REQUEST):
                    await asyncio.sleep(pause)
        finally:
            if self._control is writer:
                self._control = None
                self.connected = False
                self._changed()

    def _take(self, report: Report, writer: asyncio.StreamWriter) -> None:
        """A report has come."""
        while self._orders and self._orders[0].number <= report.order:
            self._orders.popleft()
        if not self.connected:  # what was sent over the connection before may have been lost
            for order in self._orders:
                writer.write(line(order))
        self.connected = True
        self.report = report
        self._changed()
        self._notify()

    # --- requests

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        received = await _line(reader)
        if received is None:
            return
        answer = await self._answer(received)
        self._spend(len(answer) + REQUEST)
        writer.write(answer)
        await close(writer)

    # --- orders

    def order(self, *, signal: int = 0, start: int = 0) -> int:
        """Give the launcher an order as soon as it is connected; returns the order's number.

        It is sent again after a lost connection until the launcher has confirmed it.

        Args:
            signal: As in `protocol.Order`.
            start: The same.
        """
        if start:
            self._orders.clear()  # whatever was to get a signal is killed
        elif self._orders and self._orders[-1].signal == signal and not self._orders[-1].start:
            return self._orders[-1].number  # as with signals that are pending
        reported = self.report.order if self.report is not None else 0
        # Greater than all numbers of earlier processes, which are not recorded.
        now = int(self._clock() * 1000)
        self._number = max(self._number + 1, reported + 1, now)
        order = Order(number=self._number, signal=signal, start=start)
        self._orders.append(order)
        if self.connected and self._control is not None:
            self._control.write(line(order))
        return order.number

    async def confirmed(self, number: int, deadline: float) -> None:
        """Wait until the launcher has carried out an order, or the link is closed.

        Cancelling leaves the order as it is.

        Raises:
            DeadlineExceededError: It has not in time; it will get the order when it is connected.
        """
        words = f"{self._name}: its launcher has not confirmed an order within {deadline:g} s"
        async with Deadline(deadline, words):
            while not self._closed and (self.report is None or self.report.order < number):
                await self._news.wait()

    async def reported(self, deadline: float) -> None:
        """Wait until there is a report, or the link is closed.

        Raises:
            DeadlineExceededError: There was none in time.
        """
        words = f"{self._name}: its launcher has not connected within {deadline:g} s"
        async with Deadline(deadline, words):
            while not self._closed and self.report is None:
                await self._news.wait()

    # --- channels

    async def _serve_idle(self, transport: asyncio.WriteTransport) -> None:
        idle = _Idle.of(transport)
        if len(self._idle) >= _MAX_IDLE:
            self._idle.popleft().writer.transport.abort()
        self._idle.append(idle)
        release_buffer(transport)
        self._notify()
        try:
            await idle.protocol.lost.wait()
        finally:
            if idle in self._idle:
                self._idle.remove(idle)

    async def open(
        self, channel: Channel, deadline: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Take an idle connection for a channel; waits for one. The caller closes the writer.

        Raises:
            DeadlineExceededError: There was none in time.
            YarnhubError: The link is closed.
        """
        words = f"{self._name}: its launcher was not connected within {deadline:g} s"
        async with Deadline(deadline, words):
            while not self._closed:
                while self._idle:
                    idle = self._idle.popleft()
                    if not idle.writer.is_closing():
                        idle.writer.write(bytes((channel.value,)))
                        return idle.reader, idle.writer
                await self._news.wait()
        raise YarnhubError(f"{self._name} is dead")

    async def history(self, deadline: float) -> list[list[bytes]]:
        """The messages that the launcher has kept; it forgets them then.

        Cancelling, or an error, leaves them with the launcher.

        Raises:
            DeadlineExceededError: The launcher is not connected, or too slow.
            ConnectionLostError: The connection was lost.
            RemoteProtocolError: It sent something else, or more than it may keep.
            YarnhubError: The link is closed.
        """
        reader, writer = await self.open(Channel.HISTORY, deadline)
        words = f"{self._name}: its messages were not received within {_HISTORY_TIMEOUT:g} s"
        try:
            async with Deadline(_HISTORY_TIMEOUT, words):
                messages = await _History(reader, self._history).read()
                writer.write(RECEIVED)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError) as error:
            if isinstance(error, YarnhubError):
                raise
            text = f"{self._name}: the connection to its launcher was lost"
            raise ConnectionLostError(text, CallOutcome.UNKNOWN) from error
        except RemoteProtocolError as error:
            self._complain(error)
            raise
        finally:
            await close(writer)
        return messages


class _Protocol(asyncio.StreamReaderProtocol):
    """A stream's, that tells when its connection is lost."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        super().connection_lost(exc)
        self.lost.set()


class _Writer(asyncio.StreamWriter):
    """One that can be closed twice: TLS's transport cannot be aborted then (`_start_shutdown`)."""

    def close(self) -> None:
        if not self.is_closing():
            super().close()


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    """An idle connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: _Protocol

    @classmethod
    def of(cls, transport: asyncio.WriteTransport) -> _Idle:
        """One of a connection over which nothing more comes before a channel is asked for.

        Its streams read further ahead than those of requests do.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(_BUFFER)
        protocol = _Protocol(reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return cls(reader, _Writer(transport, protocol, reader, loop), protocol)


class _History:
    """Reads messages up to `protocol.END`, which `protocol.pack_message` has packed."""

    def __init__(self, reader: asyncio.StreamReader, limit: int) -> None:
        self._reader = reader
        self._left = limit

    async def read(self) -> list[list[bytes]]:
        messages: list[list[bytes]] = []
        while count := await self._number():
            if count > MAX_PARTS:
                raise RemoteProtocolError(f"a message of {count} parts: {MAX_PARTS} are allowed")
            messages.append([await self._bytes(await self._number()) for _ in range(count)])
        return messages

    async def _number(self) -> int:
        return int.from_bytes(await self._bytes(4), "big")

    async def _bytes(self, length: int) -> bytes:
        self._left -= length
        if self._left < 0:
            raise RemoteProtocolError("more messages than a launcher keeps")
        return await self._reader.readexactly(length)


async def _line(reader: asyncio.StreamReader) -> bytes | None:
    """A line; None at the end of the connection."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise RemoteProtocolError(f"a line of more than {MAX_LINE} bytes") from error


def _checked(report: Report) -> Report:
    """A report whose numbers are possible, and whose text can be shown.

    Raises:
        RemoteProtocolError: They are not.
    """
    limits = {
        "generation": (1, _MAX_CODE),
        "pid": (0, _MAX_CODE),
        "order": (0, _MAX_NUMBER),
        "dropped": (0, _MAX_NUMBER),
        "active": (0, _MAX_NUMBER),
        "code": (-_MAX_CODE, _MAX_CODE),
    }
    for name, (least, most) in limits.items():
        value = getattr(report, name)
        if value is not None and not least <= value <= most:
            raise RemoteProtocolError(f"a report's {name} is {quoted(value)}")
    return replace(report, error=clean_and_cut(report.error, lines=False)[:_MAX_ERROR])

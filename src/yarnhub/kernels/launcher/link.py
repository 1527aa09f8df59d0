"""The launcher's connections to the process that holds its application."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import RemoteProtocolError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.control.frames import STREAM
from yarnhub.kernels.launcher.channels import serve_channel
from yarnhub.kernels.launcher.splice import End
from yarnhub.kernels.protocol import MAX_LINE, Channel, Purpose, line, read_order

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from yarnhub.kernels.launcher.output import Output
    from yarnhub.kernels.protocol import Order, Report

IDLE = 4
"""Idle connections that are kept open: a page that opens a kernel takes four at once."""
_CONNECT_TIMEOUT = 20.0
_SHUTDOWN_TIMEOUT = 2.0
"""Seconds for TLS's end."""
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 30.0
"""Seconds between two attempts to connect: they grow."""
_LOCATE_PAUSE = 2.0
"""A pause from which on the holder may be elsewhere: a holder that is restarted keeps its port."""
_STEADY = 10.0
"""Seconds after which a connection that is lost was a good one: the next pause is short."""
_REPORT_PAUSE = 0.05
"""Seconds between two reports, at least."""
_REPORT_INTERVAL = 10.0
"""Seconds between two reports of which only the time of the last message differs."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 4))
_USER_TIMEOUT = 30_000
"""Milliseconds that sent data may stay unconfirmed: the holder's machine may be lost."""


class Held(Protocol):
    """The kernel, as the holder sees it; see `supervisor.Supervisor`."""

    changed: asyncio.Event

    @property
    def report(self) -> Report:
        """The state to report."""
        ...

    async def order(self, order: Order) -> None:
        """Carry out an order."""
        ...

    async def address(self, channel: Channel) -> str | tuple[str, int]:
        """Where a socket of the kernel is, once it is bound."""
        ...


class Link:
    """The connections to the holder.

    Args:
        held: The kernel.
        output: What it publishes.
        context: For TLS, with the application's pair.
        name: The application's, in the TLS handshake.
        address: `host:port` of the holder when the container was started.
        locate: Finds out its current address; empty if that is unknown.
        say: Writes a line for the container's log.
    """

    def __init__(
        self,
        held: Held,
        output: Output,
        *,
        context: ssl.SSLContext,
        name: str,
        address: str,
        locate: Callable[[], Awaitable[str]],
        say: Callable[[str], None],
    ) -> None:
        self._held = held
        self._output = output
        self._context = context
        context.set_alpn_protocols([STREAM])
        self._name = name
        self._address = address
        self._locate = locate
        self._say = say
        self._channels = BackgroundTasks()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        clock = asyncio.get_running_loop().time
        pause = _FIRST_PAUSE
        async with self._channels:
            while True:
                began = clock()
                try:
                    await self._control()
                except Exception as error:  # noqa: BLE001  # no fault of this may cost the kernel
                    if clock() - began > _STEADY:
                        pause = _FIRST_PAUSE
                    if pause == _FIRST_PAUSE:  # said once, not with each attempt
                        self._say(f"not connected to {self._address}, trying again: {error!r}")
                await asyncio.sleep(_jittered(pause))
                if pause >= _LOCATE_PAUSE and (found := await self._locate()):
                    self._address = found
                pause = min(_LAST_PAUSE, pause * 2)

    # --- the control connection

    async def _control(self) -> None:
        """Report and take orders until the connection is lost."""
        reader = asyncio.StreamReader(MAX_LINE)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await self._connect(lambda: protocol, Purpose.CONTROL)
        writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
        self._say(f"connected to {self._address}")
        try:
            async with task_group() as group:
                group.create_task(self._send_reports(writer))
                for _ in range(IDLE):
                    group.create_task(self._offer_channels())
                await self._read_orders(reader)
        finally:
            transport.abort()

    async def _send_reports(self, writer: asyncio.StreamWriter) -> None:
        sent = b""
        while True:
            self._held.changed.clear()
            report = line(self._held.report)
            if report != sent:
                writer.write(report)
                await writer.drain()
                sent = report
            await asyncio.sleep(_REPORT_PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REPORT_INTERVAL):
                    await self._held.changed.wait()

    async def _read_orders(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                received = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError("the holder has closed the connection") from error
            except asyncio.LimitOverrunError as error:
                raise RemoteProtocolError(f"a line of more than {MAX_LINE} bytes") from error
            try:
                order = read_order(received)
            except RemoteProtocolError as error:
                self._say(f"something that is not an order is ignored: {error}")
            else:
                await self._held.order(order)

    # --- the other connections

    async def _offer_channels(self) -> None:
        """Keep one idle connection open; another one as soon as it is used."""
        pause = _FIRST_PAUSE
        while True:
            try:
                end, channel = await self._await_channel()
            except (OSError, YarnhubError):  # the holder may have as many as it allows
                await asyncio.sleep(_jittered(pause))
                pause = min(_LAST_PAUSE, pause * 2)
            else:
                pause = _FIRST_PAUSE
                _ = self._channels.start(self._serve(end, channel), f"channel {channel.name}")

    async def _await_channel(self) -> tuple[End, Channel]:
        end = End()
        await self._connect(lambda: end, Purpose.IDLE)
        try:
            byte = await end.read_byte()
            if byte is None:
                raise ConnectionResetError("the holder has closed an idle connection")
            return end, Channel(byte)
        except ValueError as error:
            end.abort()
            raise RemoteProtocolError(f"channel {error}") from error
        except BaseException:
            end.abort()
            raise

    async def connect_request(self) -> End:
        """A connection for a request of the kernel's process.

        Raises:
            OSError: The holder cannot be reached.
            RemoteProtocolError: It is of a version without kernels.
        """
        end = End()
        await self._connect(lambda: end, Purpose.REQUEST)
        return end

    async def _serve(self, end: End, channel: Channel) -> None:
        try:
            await serve_channel(end, channel, self._held.address, self._output)
        finally:
            end.abort()

    async def _connect(
        self, protocol: Callable[[], asyncio.BaseProtocol], purpose: Purpose
    ) -> asyncio.Transport:
        """Connect, and check that it is the application's holder.

        Raises:
            OSError: It cannot be reached, or is somebody else.
            RemoteProtocolError: It is of a version without kernels.
        """
        host, _, port = self._address.rpartition(":")
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            transport, _ = await asyncio.get_running_loop().create_connection(
                protocol,
                host.strip("[]"),
                int(port),
                ssl=self._context,
                server_hostname=self._name,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
            )
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != STREAM:
            transport.abort()
            raise RemoteProtocolError("the holder does not accept kernels: its version differs")
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        transport.write(purpose.value)
        return transport


def _jittered(pause: float) -> float:
    return pause * random.uniform(0.5, 1.0)  # noqa: S311  # jitter

"""Channels of kernels that the kernel service holds: streams through websockets.

Nothing is read from one side before the other has taken what was read before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
from typing import TYPE_CHECKING, Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketError, websocket_connect

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    LocalProtocolError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.integrations.kernels.gateway_client import (
    RETRIES,
    ServiceUnavailableError,
    error_of,
)
from yarnhub.kernels.service_protocol import MAX_FRAME, OPENED, load_error

if TYPE_CHECKING:
    from yarnhub.base.retry import RetryPolicy
    from yarnhub.integrations.kernels.gateway_settings import GatewaySettings
    from yarnhub.kernels.protocol import Channel

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_log = logging.getLogger(__name__)

_HANDSHAKE = 15.0
"""Seconds for the service to accept a websocket."""
_CLOSE = 10.0
"""Seconds for it to close one; tornado waits for 5."""
_CHUNK = 64 * 1024


class GatewayChannels(Closing):
    """Opens channels, and joins them with websockets until one side closes.

    Args:
        settings: Where the service is.
        retries: When an attempt is repeated while the service is not available.

    Raises:
        ConfigurationError: The settings are not valid.
    """

    def __init__(self, settings: GatewaySettings, retries: RetryPolicy = RETRIES) -> None:
        self._settings = settings
        self._retries = retries
        self._tls = settings.tls()
        self._tasks = BackgroundTasks()

    async def aclose(self) -> None:
        """Close all channels."""
        await self._tasks.aclose()

    async def open(self, kernel_id: str, channel: Channel, deadline: float) -> Streams:
        """A connection to a kernel's socket. Cancelling closes what was opened.

        Args:
            kernel_id: The kernel.
            channel: The socket.
            deadline: Seconds, also for a service that is not available.

        Raises:
            DeadlineExceededError: The service or the kernel's launcher does not respond.
            YarnhubError: The kernel is dead, or the service refused.
        """
        last: YarnhubError | None = None

        def late() -> str:
            why = f": {last}" if last is not None else ""
            return f"no {channel.name} channel of kernel {kernel_id} within {deadline:g} s{why}"

        path = f"kernels/{kernel_id}/channels/{channel.name.lower()}?deadline={deadline:g}"
        attempt = 0
        async with Deadline(deadline, late):
            while True:
                try:
                    return await self._attempt(path)
                except (ConnectError, ConnectionLostError, ServiceUnavailableError) as error:
                    last = error
                await asyncio.sleep(self._retries.delay(attempt, random.random()))  # noqa: S311
                attempt += 1

    async def _attempt(self, path: str) -> Streams:
        websocket = _Websocket(await self._connect(path))
        try:
            await websocket.until_open()
            near, far = socket.socketpair()
            streams = await asyncio.open_connection(sock=near, limit=_CHUNK)
            with contextlib.ExitStack() as undo:
                undo.callback(streams[1].close)
                undo.callback(far.close)
                reader, writer = await asyncio.open_connection(sock=far, limit=_CHUNK)
                undo.callback(writer.close)
                joined = self._tasks.start(
                    self._join(websocket, reader, writer), name=f"channel {path}"
                )
                undo.pop_all()

            def ended(_: object) -> None:  # also if it never began
                writer.close()
                self._dismiss(websocket)

            joined.add_done_callback(ended)
        except BaseException:
            self._dismiss(websocket)
            raise
        return streams

    # --- the websocket

    async def _connect(self, path: str) -> Any:  # tornado has types for servers only
        scheme, _, rest = f"{self._settings.root}/{path}".partition("://")
        request = HTTPRequest(
            f"{scheme.replace('http', 'ws')}://{rest}",
            headers=self._settings.headers(),
            connect_timeout=_HANDSHAKE,
            request_timeout=_HANDSHAKE,
            ssl_options=self._tls,
        )
        # Without pings of our own: a kernel that does not read would look like a lost connection.
        connecting: Any = websocket_connect(request, max_message_size=2 * MAX_FRAME)
        where = f"the kernel service at {self._settings.url}"
        try:
            # tornado cannot cancel it.
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._dismiss_late)
            raise
        except HTTPClientError as error:
            body = error.response.body if error.response is not None else b""
            if error.code == 599:  # tornado's own, for time-outs
                raise ConnectError(f"{where} does not respond: {error.message}") from error
            raise error_of(error.code, body or b"", where) from error
        except (OSError, WebSocketError) as error:
            raise ConnectError(f"{where} is not reachable: {error}") from error

    async def _join(
        self, websocket: _Websocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with task_group() as group:
            up = group.create_task(websocket.send(reader))
            up.add_done_callback(lambda _: websocket.close())
            down = group.create_task(websocket.receive(writer))
            down.add_done_callback(lambda _: writer.close())

    # --- the end

    def _dismiss_late(self, connecting: Any) -> None:
        if not connecting.cancelled() and connecting.exception() is None:
            self._dismiss(_Websocket(connecting.result()))

    def _dismiss(self, websocket: _Websocket) -> None:
        websocket.close()
        if not websocket.ended:
            with contextlib.suppress(LocalProtocolError):  # all are being closed
                _ = self._tasks.start(websocket.discard(), name="end of a channel")


class _Websocket:
    """A websocket of a channel.

    Attributes:
        ended: Whether its last message has been read.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.ended = False

    async def until_open(self) -> None:
        """Wait until the service has opened the channel.

        Raises:
            YarnhubError: It has not.
        """
        message = await self._read()
        if message == OPENED:
            return
        if message is None:
            code, reason = self._connection.close_code, self._connection.close_reason or ""
            raise ConnectionLostError(
                f"the kernel service closed the connection ({code}) {reason}".strip(),
                CallOutcome.UNKNOWN,
            )
        try:
            plain = json.loads(message)
        except (ValueError, RecursionError) as error:
            raise RemoteProtocolError("the kernel service sent no valid answer") from error
        raise load_error(plain, "the kernel service refused to open the channel")

    async def send(self, reader: asyncio.StreamReader) -> None:
        """Send what is read, until one side closes."""
        with contextlib.suppress(OSError, WebSocketClosedError, StreamClosedError):
            while data := await reader.read(_CHUNK):
                await self._connection.write_message(data, binary=True)

    async def receive(self, writer: asyncio.StreamWriter) -> None:
        """Write what is received, until one side closes."""
        with contextlib.suppress(OSError):
            while isinstance(data := await self._read(), bytes):
                writer.write(data)
                await writer.drain()

    def close(self) -> None:
        """Close it; `discard` waits for the end."""
        self._connection.close()

    async def discard(self) -> None:
        """Read until the end: tornado waits for room for each message that it has received."""
        with contextlib.suppress(DeadlineExceededError):
            async with Deadline(_CLOSE, "a websocket has not ended"):
                while not self.ended:
                    await self._read()

    async def _read(self) -> bytes | str | None:
        message: bytes | str | None = await self._connection.read_message()
        self.ended = self.ended or message is None
        return message

"""A connection to an ApplicationMaster, for many concurrent requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.control.frames import EARLIER_PROTOCOL, PROTOCOLS, Frame, Frames
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    import ssl
    from typing import Self

_MAX_FRAME = (1 << 32) - 1
"""Bytes in an answer: as many as fit in a frame, since a range of keys is one answer."""


class ControlConnection(asyncio.Protocol):
    """Created by `open`; unusable once it is `lost`."""

    def __init__(self) -> None:
        self._frames = Frames(_MAX_FRAME)
        self._transport: asyncio.Transport | None = None
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._number = 0
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, address: str, context: ssl.SSLContext, server_name: str) -> Self:
        """Connect to `host:port`.

        Raises:
            OSError: Connecting or the handshake failed.
            RemoteProtocolError: The server does not support the protocol.
        """
        at = Address.parse(address)
        loop = asyncio.get_running_loop()
        transport, connection = await loop.create_connection(
            cls, at.host, at.port, ssl=context, server_hostname=server_name
        )
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() not in PROTOCOLS:
            await connection.close()
            raise RemoteProtocolError(
                f"the ApplicationMaster at {address} does not support {EARLIER_PROTOCOL}: another"
                f" version"
                f" of yarnhub submitted it; use that version for this application, or submit it"
                f" again"
            )
        return connection

    @property
    def lost(self) -> bool:
        """Whether it has ended."""
        return self._transport is None or self._transport.is_closing()

    async def ask(self, name: str, body: bytes) -> Frame:
        """Send a request and return its answer.

        Cancelling withdraws the request; it may have been executed.

        Raises:
            OSError: The connection was lost before the answer.
        """
        self._number = self._number % _MAX_FRAME + 1
        number = self._number
        answer: asyncio.Future[Frame] = self._loop.create_future()
        self._asked[number] = answer
        try:
            self._send(Frame(number, name, body))
            return await answer
        finally:
            del self._asked[number]
            if answer.cancelled() and not self.lost:
                self._send(Frame(number, ""))

    async def close(self) -> None:
        """Close it, without waiting for the peer."""
        if self._transport is not None:
            self._transport.abort()
            await self._ended

    def _send(self, frame: Frame) -> None:
        if self.lost:
            raise ConnectionResetError("it had ended")
        # Concurrent requests are sent together.
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(bytes(frame))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)  # TCP's are

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        for frame in self._frames.feed(data):
            asked = self._asked.get(frame.number)
            if asked is not None and not asked.done():
                asked.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = None
        if not self._ended.done():  # a cancelled `close` cancels it
            self._ended.set_result(None)
        for asked in self._asked.values():
            if not asked.done():
                error = (
                    exc if isinstance(exc, OSError) else ConnectionResetError("without a response")
                )
                asked.set_exception(error)

"""An HTTP/1.1 client for code in an ApplicationMaster, with asyncio and h11 only.

Each exchange has a connection of its own. Redirects are not followed and nothing is logged: a URL
may contain a delegation token. There are no deadlines here: the caller sets one for an exchange, or
for each chunk of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from yarnhub.base.errors import CallOutcome, ConnectionLostError, RemoteProtocolError
from yarnhub.hadoop.address import refuse_self
from yarnhub.hadoop.trust import Trust, explained

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

_READ_SIZE = 1 << 16
_MAX_EVENTS_PER_TURN = 32
"""Events of one exchange before it yields to other tasks: reading received data does not wait."""
_MAX_INTERIM_RESPONSES = 20
"""Interim responses, such as `100 Continue`, before the final one."""
_SYSTEM = Trust()


@dataclass(frozen=True, slots=True)
class Response:
    """A response, whose body can be read from `chunks` once.

    Attributes:
        status: For example 200.
        reason: For example `OK`.
        headers: In the received order; names in lower case.
        chunks: The body. Raises `ConnectionLostError` if it ends early.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    chunks: AsyncGenerator[bytes, None]

    def header(self, name: str) -> str:
        """The first header with a lower-case name; empty if missing."""
        return next((value for key, value in self.headers if key == name), "")

    async def read(self, most: int) -> bytes:
        """The whole body.

        Args:
            most: Bytes.

        Raises:
            RemoteProtocolError: It is longer.
        """
        body = bytearray()
        async for chunk in self.chunks:
            body += chunk
            if len(body) > most:
                raise RemoteProtocolError(f"a response is longer than {most} bytes")
        return bytes(body)


@contextlib.asynccontextmanager
async def exchange(
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | AsyncGenerator[bytes, None] = b"",
    length: int | None = None,
    trust: Trust = _SYSTEM,
) -> AsyncIterator[Response]:
    """Send a request and read the response's head; the connection is closed on exit.

    Cancelling also closes it; the peer may have executed the request.

    Args:
        method: For example `GET`.
        url: `http` or `https`, without a user.
        headers: In addition to `Host`, `Connection` and the headers of the body's length.
        body: The content to send.
        length: The total size of chunks in bytes; None if unknown.
        trust: The accepted certificates for `https`.

    Raises:
        ConnectError: Connecting or TLS failed; the message names host and port.
        ConnectionLostError: The connection was lost before the end of the response.
        RemoteProtocolError: The peer does not use HTTP.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        reader, writer = await asyncio.open_connection(
            host, port, ssl=trust.context if secure else None
        )
        refuse_self(writer.transport)
    except OSError as error:
        raise explained(error, parts.netloc, trust) from error
    connection = _HttpConnection(reader, writer, parts.netloc)
    try:
        target = parts.path or "/"
        await connection.send(
            method, f"{target}?{parts.query}" if parts.query else target, headers, body, length
        )
        yield await connection.response()
    finally:
        # The exchange is finished or aborted: do not wait for the peer to close.
        writer.transport.abort()


class _HttpConnection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._http = h11.Connection(h11.CLIENT)
        self._events = 0

    async def send(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | AsyncGenerator[bytes, None],
        length: int | None,
    ) -> None:
        if isinstance(body, bytes):
            length = len(body)
        framing = (
            ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        )
        all_headers = [("Host", self._peer), ("Connection", "close"), framing, *headers]
        try:
            await self._write(h11.Request(method=method, target=target, headers=all_headers))
            if isinstance(body, bytes):
                await self._write(h11.Data(data=body))
            else:
                async for chunk in body:
                    await self._write(h11.Data(data=chunk))
            await self._write(h11.EndOfMessage())
        except OSError:
            pass  # a server that refuses may stop reading: its response has the reason

    async def _write(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def response(self) -> Response:
        for _ in range(_MAX_INTERIM_RESPONSES):
            if not isinstance(head := await self._next(), h11.InformationalResponse):
                break
        else:
            raise RemoteProtocolError(f"{self._peer} announced a response but sent none")
        if not isinstance(head, h11.Response):
            raise self._lost("without a response")
        return Response(
            head.status_code,
            head.reason.decode("latin-1"),
            tuple((name.decode(), value.decode("latin-1")) for name, value in head.headers),
            self._chunks(),
        )

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        data = b""
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._reader.read(_READ_SIZE)
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            if data:
                raise RemoteProtocolError(f"{self._peer} violated HTTP: {error}") from error
            raise self._lost("in the middle of a response") from error
        except OSError as error:
            raise self._lost(f"with an error, {error}") from error
        self._events += 1
        if self._events % _MAX_EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)
        return event  # type: ignore[return-value]  # NEED_DATA is excluded above

    def _lost(self, how: str) -> ConnectionLostError:
        return ConnectionLostError(
            f"the connection to {self._peer} ended {how}", CallOutcome.UNKNOWN
        )

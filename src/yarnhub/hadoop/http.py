"""HTTP/1.1 as a client, for what runs in an ApplicationMaster: asyncio and h11 alone.

One exchange has a connection of its own. Redirects are not followed and nothing is logged: a URL
may hold a delegation token. Nothing here has a deadline: the caller's bounds an exchange, or each
chunk of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from yarnhub.base.errors import CallOutcome, ConnectionLostError, RemoteProtocolError
from yarnhub.hadoop.trust import Trust, explained

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

_READ_SIZE = 1 << 16
_MAX_EVENTS_PER_TURN = 32
"""Events of one exchange until others have their turn: reading waits for nothing that has come."""
_MAX_INTERIM_RESPONSES = 20
"""Interim answers, such as `100 Continue`, before the one that counts."""
_SYSTEM = Trust()


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whose body comes in chunks from `chunks`, once.

    Attributes:
        status: Such as 200.
        reason: Such as `OK`.
        headers: As they came; names in lower case.
        chunks: The body. Raises `ConnectionLostError` where it ends early.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    chunks: AsyncGenerator[bytes, None]

    def header(self, name: str) -> str:
        """The first header of a name in lower case; empty if there is none."""
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
    """Send a request and read the answer's head; leaving closes the connection.

    Cancelling closes it too; the peer may have carried the request out.

    Args:
        method: Such as `GET`.
        url: `http` or `https`; it names no user.
        headers: Besides `Host`, `Connection` and those that tell how long the body is.
        body: What is sent.
        length: Bytes that chunks have in all; None if that is not known.
        trust: Whose certificates are accepted for `https`.

    Raises:
        ConnectError: Nobody answers there, or TLS fails; the message names host and port.
        ConnectionLostError: The connection ended before the answer did.
        RemoteProtocolError: The peer does not speak HTTP.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        reader, writer = await asyncio.open_connection(
            host, port, ssl=trust.context if secure else None
        )
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
        # An exchange is over or given up: nobody waits for the peer to say goodbye.
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
            pass  # a server that refuses need not read on: its answer tells why

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

"""HTTP/1.1 as a client, for what runs in an ApplicationMaster: asyncio and h11 alone.

`exchange` has a connection of its own for each request. Redirects are not followed and nothing is
logged: a URL may hold a delegation token. Nothing here has a deadline: the caller's bounds an
exchange, or each chunk of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from yarnhub.base.errors import ConnectError, ConnectionLostError, Outcome, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable
    from typing import Self

_READ = 1 << 16


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


@contextlib.asynccontextmanager
async def exchange(
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | AsyncGenerator[bytes, None] = b"",
    length: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Response]:
    """Send a request and read the answer's head; leaving closes the connection.

    Cancelling closes it too; the peer may have carried the request out.

    Args:
        method: Such as `GET`.
        url: `http` or `https`; it names no user.
        headers: Besides `Host`, `Connection` and those that tell how long the body is.
        body: What is sent.
        length: Bytes that chunks have in all; None if that is not known.
        tls: For `https`; None trusts what the system trusts.

    Raises:
        ConnectError: Nobody answers there, or TLS fails; the message names host and port.
        ConnectionLostError: The connection ended before the answer did.
        RemoteProtocolError: The peer does not speak HTTP.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = await Connection.open(
        parts.hostname or "",
        port,
        (tls or ssl.create_default_context()) if secure else None,
        peer=parts.netloc,
    )
    try:
        target = parts.path or "/"
        if parts.query:
            target = f"{target}?{parts.query}"
        await connection.send(method, target, [("Connection", "close"), *headers], body, length)
        yield await connection.response()
    finally:
        # An exchange is over or given up: nobody waits for the peer to say goodbye.
        connection.abort()


class Connection:
    """One connection, for one exchange after the other; `open` makes it.

    Attributes:
        peer: What messages and `Host` call the other side.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.peer = peer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        server_name: str | None = None,
        peer: str | None = None,
    ) -> Self:
        """Connect.

        Args:
            host: Where to.
            port: At the host.
            tls: Who we are and whom we trust; None speaks without TLS.
            server_name: Whom we want to reach there, where that is not the host.
            peer: What messages and `Host` call it; None is `host:port`.

        Raises:
            ConnectError: Nobody answers there, or TLS fails.
        """
        peer = peer or f"{host}:{port}"
        try:
            reader, writer = await asyncio.open_connection(
                host, port, ssl=tls, server_hostname=server_name
            )
        except OSError as error:
            raise ConnectError(f"nobody answers at {peer}: {error}") from error
        return cls(reader, writer, peer)

    @property
    def reusable(self) -> bool:
        """Whether the last exchange is over and the peer takes another."""
        states = self._http.states
        return (
            states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}
            or states == {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}
        ) and not (self._reader.at_eof() or self._writer.is_closing())

    def abort(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()

    async def send(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | AsyncGenerator[bytes, None],
        length: int | None = None,
    ) -> None:
        """Send a request; `response` must follow."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        if isinstance(body, bytes):
            length = len(body)
        framing = (
            ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        )
        all_headers = [("Host", self.peer), framing, *headers]
        head = h11.Request(method=method, target=target, headers=all_headers)
        end = h11.EndOfMessage()
        with contextlib.suppress(OSError):  # who refuses need not read on: the answer tells why
            if isinstance(body, bytes):
                await self._write(head, h11.Data(data=body), end)
            else:
                await self._write(head)
                async for chunk in body:
                    await self._write(h11.Data(data=chunk))
                await self._write(end)

    async def _write(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()

    async def response(self) -> Response:
        """The answer's head; its chunks must be read before the next request."""
        while isinstance(head := await self._next(), h11.InformationalResponse):
            pass
        if not isinstance(head, h11.Response):
            raise self._lost("without an answer")
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
                data = await self._reader.read(_READ)
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            if data:
                raise RemoteProtocolError(f"{self.peer} broke HTTP: {error}") from error
            raise self._lost("in the middle of an answer") from error
        except OSError as error:
            raise self._lost(f"with an error, {error}") from error
        return event  # type: ignore[return-value]  # NEED_DATA is excluded above

    def _lost(self, how: str) -> ConnectionLostError:
        return ConnectionLostError(f"the connection to {self.peer} ended {how}", Outcome.UNKNOWN)

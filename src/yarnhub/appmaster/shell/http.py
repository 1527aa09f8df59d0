"""HTTP/1.1 as a server: connections, each with one request after the other; asyncio and h11 alone.

`hadoop.http` is the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable

    Handle = Callable[["Request"], Awaitable[None]]
    Accept = Callable[[asyncio.StreamWriter], Handle | None]

_log = logging.getLogger(__name__)

IDLE = 300.0
"""Seconds in which a connection's next request must begin, its next piece come, or a piece of the
answer be read; then it is closed."""
_LAST_ANSWERS = 1.0
"""Seconds for answers that are under way when the server ends."""
_HANDSHAKE = 10.0
_GOODBYE = 0.5
"""Seconds for TLS's handshake, and for its end."""
_READ = 1 << 16


class Request:
    """One request, which its handler answers once, by `respond`.

    Attributes:
        method: Such as `GET`.
        target: As it was sent: path and query.
        headers: As they came; names in lower case.
        peer: The client's IP address.
        answered: Whether an answer has begun.
    """

    def __init__(self, connection: _Connection, head: h11.Request) -> None:
        self._connection = connection
        self.method = head.method.decode()
        self.target = head.target.decode()
        self.headers = tuple(
            (name.decode(), value.decode("latin-1")) for name, value in head.headers
        )
        self.peer = connection.peer
        self.answered = False

    def header(self, name: str) -> str:
        """The first header of a name in lower case; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, once."""
        while isinstance(event := await self._connection.next_event(), h11.Data):
            yield bytes(event.data)

    async def body(self, limit: int) -> bytes | None:
        """The whole body; None if it has more bytes than `limit`."""
        parts: list[bytes] = []
        size = 0
        async with asyncio.timeout(IDLE), contextlib.aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size <= limit:
                    parts.append(chunk)
        return b"".join(parts) if size <= limit else None

    async def respond(
        self,
        status: int,
        headers: Iterable[tuple[str, str]],
        body: bytes | AsyncGenerator[bytes, None] = b"",
    ) -> None:
        """Answer.

        Args:
            status: Such as 200.
            headers: For chunks, their length in all is among these if it is known.
            body: For HEAD, what GET would get.
        """
        self.answered = True
        headers = list(headers)
        if isinstance(body, bytes):
            headers.append(("Content-Length", str(len(body))))
        if self._connection.once:
            headers.append(("Connection", "close"))
        send = self._connection.send
        await send(h11.Response(status_code=status, headers=headers))
        if self.method != "HEAD":
            if isinstance(body, bytes):
                await send(h11.Data(data=body))
            else:
                async for chunk in body:
                    await send(h11.Data(data=chunk))
        await send(h11.EndOfMessage())


@contextlib.asynccontextmanager
async def listen(
    accept: Accept,
    host: str,
    port: int = 0,
    *,
    context: ssl.SSLContext | None = None,
    most: int | None = None,
    once: bool = False,
) -> AsyncIterator[int]:
    """Serve on a port of `host`, a free one for 0; yields the port.

    Leaving closes the port at once and gives answers under way up to a second.

    Args:
        accept: Says what handles the requests of a new connection; None turns it away.
        host: Where to listen.
        port: And at which port.
        context: For TLS.
        most: Connections at once, above which further ones are closed; None has no limit.
        once: Whether a connection is for one request.
    """
    connections: dict[asyncio.Task[None], _Connection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        full = most is not None and len(connections) >= most
        handle = None if full else accept(writer)
        if handle is None:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        connection = connections[task] = _Connection(reader, writer, once=once)
        try:
            await connection.run(handle)
        except asyncio.CancelledError:
            # By us, below; asyncio 3.11 takes a cancelled task for a fault and logs it as one.
            if not connection.last:
                raise
        finally:
            del connections[task]

    server = await asyncio.start_server(
        connected,
        host,
        port,
        ssl=context,
        ssl_handshake_timeout=_HANDSHAKE if context else None,
        ssl_shutdown_timeout=_GOODBYE if context else None,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections.values():
            connection.last = True
        busy = {task for task, connection in connections.items() if connection.busy}
        if busy:
            await asyncio.wait(busy, timeout=_LAST_ANSWERS)
        left = set(connections)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LAST_ANSWERS)


class _Connection:
    """One client's connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, once: bool
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.once = once
        self._http = h11.Connection(h11.SERVER)
        self.peer: str = (writer.get_extra_info("peername") or ("",))[0]
        self.busy = False
        """Whether a request has come whose answer is not out."""
        self.last = False
        """Whether no further request is taken."""

    async def run(self, handle: Handle) -> None:
        try:
            while isinstance(head := await self.next_event(), h11.Request):
                self.busy = True
                await handle(Request(self, head))
                self.busy = False
                if self.last or not await self._may_go_on():
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            _log.info("a client broke HTTP: %s", error)
        except (OSError, TimeoutError):
            pass  # the client went away, or what was sent on to it did
        finally:
            await self._close()

    async def _may_go_on(self) -> bool:
        """Whether another request may follow; not behind a body that the handler did not read."""
        if self._http.their_state is h11.SEND_BODY:
            await self.next_event()
        return self._http.their_state is h11.DONE and self._http.our_state is h11.DONE

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        async with asyncio.timeout(IDLE):
            while (event := self._http.next_event()) is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._writer.write(self._http.send(go_on) or b"")
                self._http.receive_data(await self._reader.read(_READ))
        return event  # type: ignore[return-value]  # NEED_DATA is excluded above

    async def send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(IDLE):
            await self._writer.drain()

    async def _close(self) -> None:
        self._writer.close()
        closed = False
        try:
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            closed = True
        finally:
            if not closed:  # a client that does not read must not hold the connection
                self._writer.transport.abort()

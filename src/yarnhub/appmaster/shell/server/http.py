"""An HTTP/1.1 server, with asyncio and h11 only; sequential requests on each connection.

`hadoop.http` is the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import h11

from yarnhub.appmaster.shell.server.listener import close

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from yarnhub.appmaster.shell.server.clients import ApplicationClients

    Handle = Callable[["Request"], Awaitable[None]]

_log = logging.getLogger(__name__)

IDLE_TIMEOUT = 300.0
"""Seconds after which a connection is closed if its next request does not begin or continue, or a
piece of an answer is not read."""
_READ_SIZE = 1 << 16
_EVENT_COST = 256
"""Bytes that take as long to read as one of h11's events: a body may arrive byte by byte."""
_EVENTS_PER_TURN = 32
"""Events of one client before it yields to other tasks: reading received data does not wait."""


class Request:
    """One request, which its handler answers once, with `respond`.

    Attributes:
        method: For example `GET`.
        target: Path and query, as received.
        headers: In the received order; names in lower case.
        peer: The client's IP address.
        answered: Whether a response has started.
    """

    def __init__(self, connection: HttpConnection, head: h11.Request) -> None:
        self._connection = connection
        self.method = head.method.decode()
        self.target = head.target.decode()
        self.headers = tuple(
            (name.decode(), value.decode("latin-1")) for name, value in head.headers
        )
        self.peer = connection.peer
        self.answered = False

    def header(self, name: str) -> str:
        """The first header with a lower-case name; empty if missing."""
        return next((value for key, value in self.headers if key == name), "")

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, once."""
        while isinstance(event := await self._connection.next_event(), h11.Data):
            yield bytes(event.data)

    async def body(self, limit: int) -> bytes | None:
        """The whole body; None if it has more bytes than `limit`."""
        parts: list[bytes] = []
        size = 0
        idle = self._connection.idle
        async with asyncio.timeout(idle), contextlib.aclosing(self.chunks()) as chunks:
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
        """Send the response.

        Args:
            status: For example 200.
            headers: The headers; for chunks, including their total length if it is known.
            body: The body; for HEAD, the body of the GET.
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

    async def pay(self, cost: int) -> None:
        """See `HttpConnection.pay`."""
        await self._connection.pay(cost)


class HttpConnection:
    """One client's connection, with sequential requests.

    Args:
        reader: The stream from the client.
        writer: The stream to the client.
        handle: Answers a request.
        once: Whether to close it after one request.
        clients: The application's clients; None for an unknown client.
        idle: Overrides `IDLE_TIMEOUT`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handle: Handle,
        *,
        once: bool = False,
        clients: ApplicationClients | None = None,
        idle: float | None = None,
    ) -> None:
        self._clients = clients
        self.idle = IDLE_TIMEOUT if idle is None else idle
        self._reader = reader
        self._writer = writer
        self._handle = handle
        self.once = once
        self._http = h11.Connection(h11.SERVER)
        self.peer: str = (writer.get_extra_info("peername") or ("",))[0]
        self.busy = False
        self.last = False
        self._events = 0

    async def run(self) -> None:
        """Serve until either side closes the connection."""
        with self._clients.connected() if self._clients else contextlib.nullcontext():
            await self._run()

    async def _run(self) -> None:
        try:
            while isinstance(head := await self.next_event(), h11.Request):
                self.busy = True
                await self._handle(Request(self, head))
                self.busy = False
                if self.last or not await self._may_go_on():
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            # Not a warning: anyone can do this any number of times.
            _log.debug("a client violated HTTP: %s", error)
        except (OSError, TimeoutError):
            pass  # the client has left, or the source of a proxied response
        except asyncio.CancelledError:
            self._writer.transport.abort()  # the client does not wait for the rest
            raise
        finally:
            await close(self._writer)

    async def _may_go_on(self) -> bool:
        """Whether another request may follow; not if the handler did not read the body."""
        if self._http.their_state is h11.SEND_BODY:
            await self.next_event()
        return self._http.their_state is h11.DONE and self._http.our_state is h11.DONE

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """The next event from the client."""
        async with asyncio.timeout(self.idle):
            while (event := self._http.next_event()) is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._writer.write(self._http.send(go_on) or b"")
                data = await self._reader.read(_READ_SIZE)
                await self.pay(len(data))
                self._http.receive_data(data)
        self._events += 1
        if self._events % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)
        await self.pay(_EVENT_COST)
        return event  # type: ignore[return-value]  # NEED_DATA is excluded above

    async def send(self, event: h11.Event) -> None:
        """Send a piece of the response."""
        self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(self.idle):
            await self._writer.drain()

    async def pay(self, cost: int) -> None:
        """Wait until the reading and processing so far is within the clients' rate."""
        pause = self._clients.spend(cost) if self._clients else 0.0
        if pause > 0:
            await asyncio.sleep(pause)

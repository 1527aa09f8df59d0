"""The control server: `POST /control/<name>` over mutual TLS.

Who may call: whoever holds the application's key, that is its owner and its containers. The TLS
handshake ends for all others before a byte of theirs is read. One port serves one application or
many: `Door` says whose a connection is.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Protocol

import h11

from yarnhub.base.errors import ControlError, RemoteProtocolError
from yarnhub.control import json
from yarnhub.control.messages import REQUESTS, Entries, Failure, Request, WaitKey, WatchKeys

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    Answer = Callable[[Request[Any]], Awaitable[object]]

_log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024 * 1024
"""Bytes in a request: a key's value may be large, the AM's memory is not."""
_PREFIX = b"/control/"
_MAX_WAIT = 60.0
"""Seconds that a request may wait; clients ask again. Well under what proxies cut off at."""
_IDLE = 300.0
"""Seconds in which a connection's next request must be there in whole, or the last answer be
read; then it is closed."""
_LAST_ANSWERS = 1.0
"""Seconds for answers that are under way when the application ends."""
_HANDSHAKE = 10.0
_GOODBYE = 0.5
"""Seconds for TLS's handshake, and for its end."""
_STATUS = {"unknown-request": 404, "not-found": 404, "invalid": 400, "ended": 410}


class Door(Protocol):
    """Who is let in, and to what."""

    @property
    def context(self) -> ssl.SSLContext:
        """Decides the handshake."""
        ...

    def answer(self, client: ssl.SSLObject) -> Answer | None:
        """Who answers a client whose handshake is done; None turns it away."""
        ...


@contextlib.asynccontextmanager
async def serve(door: Door, host: str, port: int = 0) -> AsyncIterator[int]:
    """Serve on a port of `host`, a free one for 0; yields the port.

    Leaving closes the port at once and gives answers under way up to a second.
    """
    connections: dict[asyncio.Task[None], _Connection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = door.answer(writer.get_extra_info("ssl_object"))
        if answer is None:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        connection = connections[task] = _Connection(reader, writer, answer)
        try:
            await connection.run()
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
        ssl=door.context,
        ssl_handshake_timeout=_HANDSHAKE,
        ssl_shutdown_timeout=_GOODBYE,
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
    """One client's connection: one request after the other."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Answer,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._http = h11.Connection(h11.SERVER)
        self.busy = False
        """Whether a request has come whose answer is not out."""
        self.last = False
        """Whether no further request is taken."""

    async def run(self) -> None:
        try:
            while self._http.states[h11.SERVER] is h11.IDLE:
                async with asyncio.timeout(_IDLE):
                    head = await self._next()
                    if not isinstance(head, h11.Request):
                        return
                    self.busy = True
                    body = await self._body()
                await self._respond(head, body)
                self.busy = False
                if self.last or self._http.our_state is h11.MUST_CLOSE:
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            _log.info("a client broke HTTP: %s", error)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            await self._close()

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

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._http.send(go_on) or b"")
            self._http.receive_data(await self._reader.read(65536))
        return event  # type: ignore[return-value]  # NEED_DATA is excluded above

    async def _body(self) -> bytes | None:
        """The request's body; None if it is too large."""
        parts: list[bytes] = []
        size = 0
        while isinstance(event := await self._next(), h11.Data):
            size += len(event.data)
            if size <= MAX_BODY:
                parts.append(bytes(event.data))
        return b"".join(parts) if size <= MAX_BODY else None

    async def _respond(self, head: h11.Request, body: bytes | None) -> None:
        status, reply = await self._reply(head, body)
        data = json.dump(reply)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        for event in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=b"" if head.method == b"HEAD" else data),
            h11.EndOfMessage(),
        ):
            self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(_IDLE):
            await self._writer.drain()

    async def _reply(self, head: h11.Request, body: bytes | None) -> tuple[int, object]:
        name = head.target.removeprefix(_PREFIX).decode("ascii", "replace")
        kind = REQUESTS.get(name)
        if head.method != b"POST" or not head.target.startswith(_PREFIX) or kind is None:
            return 404, Failure("unknown-request", f"this application does not know {name!r}")
        if body is None:
            return 413, Failure("invalid", f"a request may have {MAX_BODY} bytes at most")
        try:
            return 200, await self._answered(json.load(kind, body))
        except RemoteProtocolError as error:
            return 400, Failure("invalid", str(error))
        except ControlError as error:
            return _STATUS.get(error.code, 400), Failure(error.code, str(error))

    async def _answered(self, request: Request[Any]) -> object:
        if not isinstance(request, WaitKey | WatchKeys):
            return await self._answer(request)
        try:
            async with asyncio.timeout(min(request.timeout, _MAX_WAIT)):
                return await self._answer(request)
        except TimeoutError:
            if isinstance(request, WatchKeys):
                # Answered at once: it also tells how far it has looked.
                return await self._answer(dataclasses.replace(request, timeout=0.0))
            return Entries(entries=())

"""A port and its clients, for any protocol."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import socket
from typing import TYPE_CHECKING, Any, Protocol

from yarnhub.appmaster.shell.server.client_limit import ClientLimit
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], "ClientConnection | None"]

_log = logging.getLogger(__name__)

_DRAIN_TIMEOUT = 1.0
"""Seconds for answers that are in progress when the server stops."""
_HANDSHAKE_TIMEOUT = 3.0
_SHUTDOWN_TIMEOUT = 0.5
"""Seconds for the TLS handshake, and for its shutdown."""
_CLOSE_TIMEOUT = 5.0
"""Seconds in which a client must read the rest after its connection was closed."""
_FIRST_BYTE_TIMEOUT = 3.0
"""Seconds in which a client must start its handshake."""
_MAX_SILENT = 1000
"""The maximum number of clients before the handshake: each needs a socket."""
_MAX_HANDSHAKES = 128
"""Concurrent handshakes: each needs a quarter of a MiB (`asyncio.sslproto`)."""
_BACKLOG = 1024
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPT_PAUSE = 0.2
"""Seconds until a client is accepted again after the limit of open files was reached."""
_LOG_INTERVAL = 60.0
"""Seconds until this is logged again."""
_MAX_CLIENTS = 65536


class ClientConnection(Protocol):
    """One client's connection."""

    last: bool
    """Whether no more requests are accepted."""

    @property
    def busy(self) -> bool:
        """Whether a request has arrived that is not answered."""
        ...

    async def run(self) -> None:
        """Serve until either side closes the connection."""
        ...


@contextlib.asynccontextmanager
async def listen(
    accept: Accept,
    host: str,
    port: int = 0,
    *,
    context: ssl.SSLContext | None = None,
    most: int | None = None,
) -> AsyncIterator[int]:
    """Serve on a port of `host`, a free one for 0; yields the port.

    Leaving closes the port immediately; answers in progress get up to a second.

    Args:
        accept: Creates the connection of a client; None refuses it.
        host: The host name or address to listen on.
        port: The port to listen on.
        context: The TLS context; None without TLS.
        most: Concurrent connections, above which an idle client is disconnected for a new one; None
            for three quarters of the files that this process may open.
    """
    sockets = await _bind(host, port)
    entrance = _Entrance(accept, context, most or _room_for_sockets())
    async with task_group() as group:
        accepting = [group.create_task(entrance.run(each, group)) for each in sockets]
        try:
            yield sockets[0].getsockname()[1]
        finally:
            for task in accepting:
                task.cancel()
            await asyncio.wait(accepting)
            for each in sockets:
                each.close()
            await entrance.close()


class _Client:
    """A client, from its first packet to its disconnection."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.socket: socket.socket | None = sock
        """None once it is owned by a connection."""
        self.peer = peer
        self.connection: ClientConnection | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """See `LimitedClient.idle`."""
        return self.connection is None or not self.connection.busy

    def expel(self) -> None:
        """See `LimitedClient.expel`."""
        assert self.task is not None
        self.task.cancel()


class _Entrance:
    """Accepts clients, so that none of them can keep out others."""

    def __init__(self, accept: Accept, context: ssl.SSLContext | None, most: int) -> None:
        self._accept = accept
        self._context = context
        self._most = most
        # Clients that are not authenticated get a small part of the limit.
        self._lobby = ClientLimit(most if context is None else max(1, min(_MAX_SILENT, most // 6)))
        self._handshakes = ClientLimit(_MAX_HANDSHAKES)
        self._beginning = asyncio.Lock()
        self._clients: set[_Client] = set()
        self._said = float("-inf")

    async def run(self, bound: socket.socket, group: asyncio.TaskGroup) -> None:
        """Accept clients until cancelled."""
        while True:
            try:
                sock, address = await _accepted(bound)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._say(f"{error.strerror}: the limit is LimitNOFILE of the unit, or ulimit")
                    self._lobby.expel_one()
                    await asyncio.sleep(_ACCEPT_PAUSE)
                continue  # otherwise, the client has left before it was accepted
            self._take(_Client(sock, address[0]), group)
            await asyncio.sleep(0)  # while clients are queued, nothing else waits

    def _say(self, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._said >= _LOG_INTERVAL:
            self._said = now
            _log.warning("clients are refused: %s", why)

    def _take(self, client: _Client, group: asyncio.TaskGroup) -> None:
        assert client.socket is not None
        full = len(self._clients) >= self._most and not (
            self._lobby.expel_one() or self._handshakes.expel_one()
        )
        if full or not self._lobby.enter(client):
            self._say(f"{len(self._clients)} are connected, and none of them is idle")
            client.socket.close()
            return
        self._clients.add(client)
        client.task = group.create_task(self._serve(client))
        client.task.add_done_callback(lambda _: self._gone(client))

    def _gone(self, client: _Client) -> None:
        self._clients.discard(client)
        self._lobby.leave(client)
        self._handshakes.leave(client)
        if client.socket is not None:
            client.socket.close()

    async def _serve(self, client: _Client) -> None:
        try:
            reader, writer = await self._greet(client)
            try:
                client.connection = self._accept(reader, writer)
                if client.connection is not None:
                    await client.connection.run()
            finally:
                writer.transport.abort()  # no effect if it is closed
        except OSError as error:  # includes TimeoutError and ssl.SSLError
            _log.debug("a client at %s has left: %s", client.peer, error)
        except Exception:  # noqa: BLE001  # one client must not be the end of all others
            _log.exception("the connection of a client at %s has failed", client.peer)

    async def _greet(self, client: _Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Create the streams of a client's socket, after it was admitted."""
        if self._context is None:
            return await self._streams(client)
        async with asyncio.timeout(_FIRST_BYTE_TIMEOUT):
            await _readable(client)
        # One after the other: a client that is disconnected for another has left before the next.
        async with self._beginning:
            self._lobby.leave(client)
            self._handshakes.enter(client)
            await asyncio.sleep(0)
        streams = await self._streams(client)
        self._handshakes.leave(client)
        return streams

    async def _streams(self, client: _Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        sock, client.socket = client.socket, None
        assert sock is not None
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT if self._context else None,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT if self._context else None,
            )
        except BaseException as error:
            # The error and its frame refer to each other, and the frame keeps a quarter of a MiB,
            # until garbage is collected: https://github.com/python/cpython/issues/109534
            error.__traceback__ = None
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def close(self) -> None:
        """Wait briefly for answers in progress, and disconnect all clients."""
        connected = [each for each in self._clients if each.connection is not None]
        for client in connected:
            assert client.connection is not None
            client.connection.last = True
        busy = {each.task for each in connected if each.connection and each.connection.busy}
        if answering := {task for task in busy if task is not None}:
            await asyncio.wait(answering, timeout=_DRAIN_TIMEOUT)
        left = {each.task for each in self._clients if each.task is not None}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_DRAIN_TIMEOUT)


async def _readable(client: _Client) -> None:
    """Wait until a client has sent data, or has left."""
    assert client.socket is not None
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()
    number = client.socket.fileno()
    loop.add_reader(number, _once, came)
    try:
        await came
    finally:
        loop.remove_reader(number)


def _once(came: asyncio.Future[None]) -> None:
    if not came.done():
        came.set_result(None)


async def _bind(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on one port, on all addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                sock = _listening(family, kind, protocol, (address[0], port, *address[2:]))
            except OSError:
                if not bound:
                    raise
                continue  # an address of this machine's name that no interface has
            bound.append(sock)
            port = bound[0].getsockname()[1]
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def _listening(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)  # noqa: FBT003  # the standard library's
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _room_for_sockets() -> int:
    """The maximum number of clients, which leaves some of the process's files for other uses."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_CLIENTS if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)


def release_buffer(transport: asyncio.BaseTransport) -> None:
    """Free the quarter of a MiB that asyncio keeps to read from a TLS connection, while it idles.

    asyncio allocates it again when data arrives. Where an implementation has no such buffer,
    nothing happens.
    """
    protocol: Any = getattr(transport, "_ssl_protocol", None)  # asyncio.sslproto has no types
    if hasattr(protocol, "_ssl_buffer") and hasattr(protocol, "_ssl_buffer_view"):
        protocol._ssl_buffer = bytearray()  # noqa: SLF001  # there is no other way
        protocol._ssl_buffer_view = memoryview(protocol._ssl_buffer)  # noqa: SLF001


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, independently of its client."""
    # A TLS transport that is closed twice, by its client and by us, loses its inner transport; then
    # it cannot be aborted.
    if not writer.is_closing():
        writer.close()
    try:
        # Otherwise, it would never be closed if its client has left unread data.
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await writer.wait_closed()
    except OSError:  # includes TimeoutError
        pass
    finally:
        writer.transport.abort()  # a client that does not read must not keep the connection open


async def _accepted(bound: socket.socket) -> tuple[socket.socket, Any]:  # Any: as the family has it
    """Accept a client. `sock_accept` would leave one open that comes as it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            found, address = bound.accept()
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_reader(bound, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(bound)
        else:
            found.settimeout(0)
            return found, address

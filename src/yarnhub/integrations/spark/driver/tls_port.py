"""The port of a Spark Connect server on its node: TLS ends here, and its bytes go to loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from . import words

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CONNECTIONS = 100
"""At once. One more closes the one that has been silent for the longest time: clients of gRPC
connect again by themselves, and a peer without a token cannot keep others out."""
MAX_HANDSHAKES = 20
"""At once, besides. One more closes the oldest one: it takes no connection from anybody."""
_LOOPBACK = "127.0.0.1"
_LOOPBACK_6 = "::ffff:127.0.0.1"
"""The same address, of a socket that serves IPv6, too; Java's are."""
_LISTENS = "0A"
"""The state of a socket in /proc/net/tcp."""
_BACKLOG = 128
_CHUNK = 64 * 1024
_HANDSHAKE_SECONDS = 10.0
_ACCEPT_PAUSE = 0.5
"""Seconds until the next connection is accepted if the process has no file left for it."""


class PortError(Exception):
    """No port can be used; the message says why."""


def listen(address: str, ports: str) -> socket.socket:
    """Listen on a port of this node.

    Args:
        address: The address.
        ports: The range, such as `40000-41000`; `0-0` for any free port.

    Raises:
        PortError: None is free.
    """
    first, _, last = ports.partition("-")
    numbers = list(range(int(first), int(last) + 1))
    random.shuffle(numbers)  # the servers of a node do not all try the same port first
    problem = ""
    for number in numbers:
        made = socket.socket()
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for those in TIME_WAIT
            made.bind((address, number))
            made.listen(_BACKLOG)
        except OSError as error:
            made.close()
            problem = str(error)
        else:
            made.settimeout(0)
            return made
    raise PortError(words.no_port(ports, address, problem))


def server_context(pair: bytes, folder: Path) -> ssl.SSLContext:
    """TLS for HTTP/2.

    Args:
        pair: The certificate and its key, in PEM.
        folder: For a file that only this user can read, for a moment: ssl takes files only.

    Raises:
        ssl.SSLError: They are not a certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".tls-") as file:
        file.write(pair)
        file.flush()
        context.load_cert_chain(file.name)
    return context


class TlsPort:
    """Forwards connections from a port with TLS to one on loopback, in a thread of its own.

    Args:
        listening: The port.
        context: For TLS.
        target: The port on loopback, where a process of this user listens.
    """

    def __init__(self, listening: socket.socket, context: ssl.SSLContext, target: int) -> None:
        self._listening = listening
        self._context = context
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        """One for each peer, also those that are being closed."""
        self._handshakes: dict[asyncio.Task[None], None] = {}
        """The peers that have not finished TLS, oldest first."""
        self._connections: dict[asyncio.Task[None], None] = {}
        """The others; those that a byte has come from last are at the end."""
        self._loop = asyncio.new_event_loop()
        self._accepting = self._loop.create_task(self._accept())
        self._thread = threading.Thread(target=self._run, name="spark-connect-tls", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the port and all connections."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._accepting.cancel)
        self._thread.join()

    def _run(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._accepting)
        finally:
            self._loop.close()

    async def _accept(self) -> None:
        try:
            while True:
                try:
                    accepted, _ = self._listening.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    await self._readable()
                    continue
                except OSError:
                    await asyncio.sleep(_ACCEPT_PAUSE)
                    continue
                accepted.settimeout(0)
                task = self._loop.create_task(self._serve(accepted))
                self._tasks.add(task)
                task.add_done_callback(self._forget)
                _add(self._handshakes, task, MAX_HANDSHAKES)
                await asyncio.sleep(0)  # accepting may not wait: tasks have to begin, and to end
        finally:
            self._listening.close()
            for each in self._tasks:
                each.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await asyncio.sleep(0)  # transports close in the next round of the loop

    async def _readable(self) -> None:
        """Wait for a peer. `sock_accept` would leave one open that comes as it is cancelled."""
        ready = asyncio.Event()
        self._loop.add_reader(self._listening, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_reader(self._listening)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._handshakes.pop(task, None)
        self._connections.pop(task, None)

    async def _serve(self, accepted: socket.socket) -> None:
        """Forward the bytes of one connection until one end closes it."""
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(OSError, asyncio.TimeoutError):  # ssl.SSLError is an OSError
            reader, writer = await self._shake_hands(accepted)
            with _closing(writer):
                del self._handshakes[task]
                _add(self._connections, task, MAX_CONNECTIONS)
                inner_reader, inner_writer = await asyncio.open_connection(_LOOPBACK, self._target)
                with _closing(inner_writer):
                    if not is_own(self._target):
                        return
                    back = self._loop.create_task(self._pump(inner_reader, writer, task))
                    try:
                        await self._pump(reader, inner_writer, task)
                    finally:
                        back.cancel()
                        await asyncio.wait([back])

    async def _shake_hands(
        self, accepted: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader = asyncio.StreamReader(_CHUNK)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except BaseException:
            accepted.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: asyncio.Task[None],
    ) -> None:
        """Forward one direction; at its end, the other one ends, too."""
        try:
            while data := await reader.read(_CHUNK):
                if connection in self._connections:
                    del self._connections[connection]
                    self._connections[connection] = None
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            _close(writer)


def _add(tasks: dict[asyncio.Task[None], None], task: asyncio.Task[None], most: int) -> None:
    """Add a task at the end, and cancel the first one if there are too many then."""
    tasks[task] = None
    if len(tasks) > most:
        first = next(iter(tasks))
        del tasks[first]
        first.cancel()


@contextlib.contextmanager
def _closing(writer: asyncio.StreamWriter) -> Iterator[None]:
    """Close it, with what it has not sent; without that if the block is cancelled."""
    try:
        yield
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
    finally:
        _close(writer)


def _close(writer: asyncio.StreamWriter) -> None:
    """Close it once: what asyncio closes twice with TLS cannot be aborted (Python 3.11)."""
    if not writer.is_closing():
        writer.close()


def is_own(port: int) -> bool:
    """Whether a process of this user listens on a port of loopback.

    When Spark has ended, another user of the node could take its port, and would get tokens.
    """
    user = os.getuid()
    own = (
        socket.inet_pton(socket.AF_INET, _LOOPBACK),
        socket.inet_pton(socket.AF_INET6, _LOOPBACK_6),
    )
    wanted = {(f"{_as_in_proc(address)}:{port:04X}", user) for address in own}
    return not wanted.isdisjoint(_listening())


def _as_in_proc(address: bytes) -> str:
    """An address as in /proc/net/tcp: words of 32 bits as they are in memory."""
    parts = (address[start : start + 4] for start in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in parts)


def _listening() -> Iterator[tuple[str, int]]:
    """The addresses that somebody listens at, with their users; see proc(5)."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENS:
                yield columns[1], int(columns[7])

"""Requests to an application from the caller's own thread, over a connection of that thread.

A request through the event loop switches threads twice, which costs more than the request itself.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
import weakref
from typing import TYPE_CHECKING, TypeVar

from yarnhub.client.application import client as application
from yarnhub.control import json
from yarnhub.control.bootstrap import server_name
from yarnhub.control.frames import Frame, Frames
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    import ssl

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.control.messages import Request

T = TypeVar("T")

_READ_SIZE = 1 << 18
_MAX_FRAME = (1 << 32) - 1
_CONNECT_TIMEOUT = 5.0
"""Seconds; then the client tries, which also looks up a new address."""


class ThreadRequests:
    """Sends requests to one application, over one connection per thread.

    Args:
        client: The application's client, which has its address.
    """

    def __init__(self, client: ApplicationClient) -> None:
        self._client = client
        self._local = threading.local()
        self._all: weakref.WeakSet[_ThreadConnection] = weakref.WeakSet()
        self._closed = False

    def ask(self, request: Request[T]) -> T:
        """Send a request that does not wait, and return its answer.

        Raises:
            ConnectionAbortedError: The client must send it: there is no connection, or it was lost
                and a retry is safe, or all have been closed.
            YarnhubError: See the client.
        """
        if self._closed:
            raise ConnectionAbortedError
        connection = self._connection()
        try:
            answer = connection.exchange(request.name(), json.dump(request))
        except TimeoutError as error:
            raise self._client.deadline_error() from error
        except OSError as error:
            if request.idempotent:
                raise ConnectionAbortedError from error
            raise self._client.connection_lost_error(error) from error
        return application.read_answer(request, answer)

    def close(self) -> None:
        """Close all connections and send no more requests."""
        self._closed = True
        for connection in list(self._all):
            connection.close()

    def _connection(self) -> _ThreadConnection:
        connection: _ThreadConnection | None = getattr(self._local, "connection", None)
        where = self._client.address, os.getpid()  # a forked process must not use its parent's
        if connection is None or connection.where != where or connection.ended:
            if connection is not None:
                connection.close()
            try:
                connection = self._local.connection = _ThreadConnection(
                    _connect(self._client, where[0]), where
                )
            except OSError as error:
                raise ConnectionAbortedError from error
            self._all.add(connection)
        return connection


def _connect(client: ApplicationClient, address: str) -> ssl.SSLSocket:
    plain = socket.create_connection(Address.parse(address), _CONNECT_TIMEOUT)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client.context.wrap_socket(plain, server_hostname=server_name(client.id))
    except BaseException:
        plain.close()
        raise


class _ThreadConnection:
    """The connection of one thread.

    Args:
        connected: Its socket.
        where: Its address, and the process that opened it.
    """

    def __init__(self, connected: ssl.SSLSocket, where: tuple[str, int]) -> None:
        self.where = where
        self._socket = connected
        self._socket.settimeout(application.REQUEST_TIMEOUT)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._frames = Frames(_MAX_FRAME)

    @property
    def ended(self) -> bool:
        """Whether it is closed. Between two requests the peer sends only the end of the stream."""
        return self._socket.fileno() < 0 or bool(self._poll.poll(0))

    def close(self) -> None:
        """Close it; may be called again."""
        self._socket.close()

    # Not by weakref.finalize: that is called before the last requests of a program that ends.
    __del__ = close

    def exchange(self, name: str, body: bytes) -> Frame:
        """Send a request and wait for its answer; any error closes the connection."""
        done = False
        try:
            limit = time.monotonic() + application.REQUEST_TIMEOUT
            self._socket.sendall(bytes(Frame(1, name, body)))
            while True:
                # One limit for all pieces of the answer.
                self._socket.settimeout(max(0.001, limit - time.monotonic()))
                data = self._socket.recv(_READ_SIZE)
                if not data:
                    raise ConnectionResetError("without a response")
                for answer in self._frames.feed(data):
                    done = True
                    self._socket.settimeout(application.REQUEST_TIMEOUT)
                    return answer
        finally:
            if not done:
                self.close()

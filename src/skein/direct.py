"""Asking an application from the caller's own thread, over a connection of that thread's.

The way through the event loop costs a request two changes of thread, more than all the rest of it.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
import weakref
from typing import TYPE_CHECKING, TypeVar

from yarnhub.client import application
from yarnhub.control import json
from yarnhub.control.bootstrap import server_name
from yarnhub.control.frames import Frame, Frames
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    import ssl

    from yarnhub.client.application import ApplicationClient as Engine
    from yarnhub.control.messages import Request

T = TypeVar("T")

_READ = 1 << 18
_LIMIT = (1 << 32) - 1
_CONNECT = 5.0
"""Seconds; then the engine tries, which also looks for the application elsewhere."""


class Direct:
    """The connections of all threads to one application.

    Args:
        engine: What knows where the application is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._all: weakref.WeakSet[_Line] = weakref.WeakSet()
        self._closed = False

    def ask(self, request: Request[T]) -> T:
        """Send a request that does not wait, and return its answer.

        Raises:
            ConnectionAbortedError: The engine has to ask: there is no connection, or it ended and a
                repetition does no harm, or these have been closed.
            YarnhubError: As the engine's.
        """
        if self._closed:
            raise ConnectionAbortedError
        line = self._line()
        try:
            answer = line.exchange(request.name(), json.dump(request))
        except TimeoutError as error:
            raise self._engine.unanswered() from error
        except OSError as error:
            if request.idempotent:
                raise ConnectionAbortedError from error
            raise self._engine.cut_off(error) from error
        return application.read_answer(request, answer)

    def close(self) -> None:
        """End all connections, and ask nothing more."""
        self._closed = True
        for line in list(self._all):
            line.close()

    def _line(self) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        where = self._engine.address, os.getpid()  # a forked process must not use its parent's
        if line is None or line.where != where or line.ended:
            if line is not None:
                line.close()
            try:
                line = self._local.line = _Line(_connect(self._engine, where[0]), where)
            except OSError as error:
                raise ConnectionAbortedError from error
            self._all.add(line)
        return line


def _connect(engine: Engine, address: str) -> ssl.SSLSocket:
    plain = socket.create_connection(Address.parse(address), _CONNECT)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return engine.context.wrap_socket(plain, server_hostname=server_name(engine.id))
    except BaseException:
        plain.close()
        raise


class _Line:
    """One thread's connection.

    Args:
        connected: It.
        where: Its address, and the process that asks.
    """

    def __init__(self, connected: ssl.SSLSocket, where: tuple[str, int]) -> None:
        self.where = where
        self._socket = connected
        self._socket.settimeout(application.TIMEOUT)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._frames = Frames(_LIMIT)

    @property
    def ended(self) -> bool:
        """Whether it is closed. Between two requests the peer has nothing to say but goodbye."""
        return self._socket.fileno() < 0 or bool(self._poll.poll(0))

    def close(self) -> None:
        """End it; a second time does nothing."""
        self._socket.close()

    # Not by weakref.finalize: that is called before the last requests of a program that ends.
    __del__ = close

    def exchange(self, name: str, body: bytes) -> Frame:
        """Send a request and wait for its answer; whatever prevents it ends the connection."""
        done = False
        try:
            limit = time.monotonic() + application.TIMEOUT
            self._socket.sendall(bytes(Frame(1, name, body)))
            while True:
                # One limit for all pieces of the answer.
                self._socket.settimeout(max(0.001, limit - time.monotonic()))
                data = self._socket.recv(_READ)
                if not data:
                    raise ConnectionResetError("without an answer")
                for answer in self._frames.feed(data):
                    done = True
                    self._socket.settimeout(application.TIMEOUT)
                    return answer
        finally:
            if not done:
                self.close()

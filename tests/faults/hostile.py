"""What a container can do to whoever runs its ApplicationMaster: `hostile.py SECONDS`.

Runs in a container, or with a container's variables, and does all of it at once: large keys, many
keys, all keys, ten thousand containers, answers that are never read, documents a million brackets
deep and a million wide, bodies in pieces, questions that are withdrawn, more connections than it
may have, handshakes without an end, and silence.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.control import bootstrap, environment
from yarnhub.control.frames import PROTOCOL
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 5.0
"""Seconds for one step; a client that is held up goes on with the next."""


class Container:
    """One that knows where its ApplicationMaster is, and has the key."""

    def __init__(self) -> None:
        variables = os.environ  # noqa: TID251  # its entry point
        host, _, port = variables[environment.APPMASTER_ADDRESS].rpartition(":")
        self.address = host, int(port)
        self.name = bootstrap.server_name(variables[environment.APPLICATION_ID])
        secrets = TokenStorage.read(
            Path(variables["HADOOP_TOKEN_FILE_LOCATION"]).read_bytes()
        ).secrets
        pair = secrets[bootstrap.CERTIFICATE] + b"\n" + secrets[bootstrap.KEY]
        self.frames, self.http = self._context(pair), self._context(pair)
        self.frames.set_alpn_protocols([PROTOCOL])

    @staticmethod
    def _context(pair: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with tempfile.NamedTemporaryFile() as file:
            file.write(pair)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def raw(self) -> socket.socket:
        """A connection without a word."""
        return socket.create_connection(self.address, PATIENCE)

    def connected(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A connection, by frames unless another context is given."""
        return (context or self.frames).wrap_socket(self.raw(), server_hostname=self.name)


def frame(number: int, name: str, body: bytes) -> bytes:
    """A request."""
    content = name.encode() + b"\n" + body
    return struct.pack(">II", len(content), number) + content


def large_keys(container: Container) -> None:
    """Twelve values of 40 MB."""
    with container.connected() as link:
        value = b"QUFB" * 10_000_000
        for number in range(12):
            link.sendall(frame(number, "PutKey", b'{"key":"k%d","value":"%b"}' % (number, value)))


def all_keys(container: Container) -> None:
    """All keys, again and again, in one request and in many."""
    with container.connected() as link:
        for number in range(200):
            link.sendall(frame(number, "PutKey", b'{"key":"k%d","value":"QUFB"}' % number))
            link.sendall(frame(1000 + number, "GetKeys", b"{}"))


def many_containers(container: Container) -> None:
    """As many as a service may have elsewhere."""
    with container.connected() as link:
        for name in ("jupyterhub", "server"):
            body = b'{"service":"%b","count":10000}' % name.encode()
            link.sendall(frame(1, "Scale", body))
            link.sendall(frame(2, "AddContainer", b'{"service":"%b"}' % name.encode()))
        link.recv(1 << 16)


def answers_that_nobody_reads(container: Container) -> None:
    """Thousands of questions at once, of the kind that is answered."""
    with container.connected() as link:
        asked = b"".join(frame(n, "GetSpecification", b"{}") for n in range(20_000))
        link.sendall(asked)
        time.sleep(PATIENCE / 2)


def deep_documents(container: Container) -> None:
    """As deep as a request may be long."""
    with container.connected() as link:
        for number in range(50):
            link.sendall(frame(number, "WatchTokens", b"[" * 1_000_000))
            link.sendall(frame(100 + number, "GetContainers", b'{"services":[' + b'"a",' * 200_000))


def wide_documents(container: Container) -> None:
    """As many names as a request may have bytes for."""
    body = b"{%b}" % b",".join(b'"%d":{}' % number for number in range(80_000))
    with container.connected() as link:
        for number in range(10):
            link.sendall(frame(number, "GetContainers", body))


def withdrawals(container: Container) -> None:
    """Each question withdraws another one, which was never asked."""
    pairs = (frame(n, "GetContainers", b"{}") + frame(n + 90_000, "", b"") for n in range(12_000))
    with container.connected() as link:
        link.sendall(b"".join(pairs))
        time.sleep(PATIENCE / 2)


def bodies_in_pieces(container: Container) -> None:
    """Over HTTP, a byte at a time."""
    head = b"POST /control/GetContainers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with container.connected(container.http) as link:
        link.sendall(head + b"1\r\nx\r\n" * 50_000)


def many_connections(container: Container) -> None:
    """More than there may be, each with a question."""
    with contextlib.ExitStack() as stack:
        for number in range(100):
            link = stack.enter_context(container.connected())
            link.sendall(frame(number, "WatchTokens", b'{"after":0,"timeout":60}'))


def handshakes(container: Container) -> None:
    """One after the other."""
    for _ in range(500):
        container.connected().close()


def half_handshakes(container: Container) -> None:
    """Begun, and never ended."""
    with contextlib.ExitStack() as stack:
        for number in range(400):
            link = stack.enter_context(container.raw())
            if number % 2:
                link.sendall(b"\x16\x03\x01\x02")
        time.sleep(PATIENCE / 2)


ALL = (
    large_keys,
    all_keys,
    many_containers,
    answers_that_nobody_reads,
    deep_documents,
    wide_documents,
    withdrawals,
    bodies_in_pieces,
    many_connections,
    handshakes,
    half_handshakes,
)


def main(seconds: float) -> None:
    """Do all of it for some seconds, each in a thread of its own."""
    container = Container()
    until = time.monotonic() + seconds

    def repeat(work: Callable[[Container], None]) -> None:
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                work(container)

    threads = [threading.Thread(target=repeat, args=(work,), daemon=True) for work in ALL]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until + PATIENCE - time.monotonic()))


if __name__ == "__main__":
    main(float(sys.argv[1]))

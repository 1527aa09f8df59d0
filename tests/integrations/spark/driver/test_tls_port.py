"""The port of a Spark Connect server: TLS in front of a port on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.tasks import task_group
from yarnhub.integrations.spark.driver import tls_port
from yarnhub.integrations.spark.driver.tls_port import (
    MAX_CONNECTIONS,
    MAX_HANDSHAKES,
    PortError,
    TlsPort,
    is_own,
    listen,
    server_context,
)
from yarnhub.kernels.connect import issue

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = dt.datetime.now(dt.UTC)


class Echo:
    """A program on loopback that sends back what it gets, and closes at the end.

    Attributes:
        port: Where it listens.
        accepted: Its connections.
        serving: The thread of each, which ends with it.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.accepted: list[socket.socket] = []
        self.serving: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in self.accepted:
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                self.accepted.append(accepted)
                self.serving.append(
                    threading.Thread(target=self._serve, args=(accepted,), daemon=True)
                )
                self.serving[-1].start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), accepted:
            while data := accepted.recv(1 << 16):
                accepted.sendall(data)


class Served:
    """A port in front of an `Echo`, and its clients.

    Attributes:
        echo: The program.
        number: The port.
        certificate: The port's.
    """

    def __init__(self, folder: Path, echo: Echo) -> None:
        self.echo = echo
        certificate, key = issue("127.0.0.1", NOW)
        self.certificate = certificate.decode()
        listening = listen("127.0.0.1", "0-0")
        self.number: int = listening.getsockname()[1]
        self.port = TlsPort(listening, server_context(certificate + key, folder), echo.port)

    def trusting(self, certificate: str = "") -> ssl.SSLContext:
        """The context of a client that trusts the port's certificate, or another one."""
        context = ssl.create_default_context(cadata=certificate or self.certificate)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def connect(self, certificate: str = "") -> ssl.SSLSocket:
        context = self.trusting(certificate)
        plain = socket.create_connection(("127.0.0.1", self.number), timeout=30)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    echo = Echo()
    served = Served(tmp_path, echo)
    yield served
    served.port.close()
    echo.close()


def answered(client: ssl.SSLSocket) -> bool:
    """Whether what is sent comes back: the connection is open."""
    with contextlib.suppress(OSError):
        client.sendall(b"ping")
        return client.recv(4) == b"ping"
    return False


async def sending(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def open_files() -> int:
    """How many files, with sockets, this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_bytes_are_forwarded_in_both_directions(served: Served, tmp_path: Path) -> None:
    sent = bytes(range(256)) * 40_000
    # Not by threads: OpenSSL does not let two of them use one connection at the same time.
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", served.number, ssl=served.trusting()
    )
    async with asyncio.timeout(60):
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        async with task_group() as group:
            group.create_task(sending(writer, sent))
            assert await reader.readexactly(len(sent)) == sent
        writer.close()
        await writer.wait_closed()
    assert list(tmp_path.iterdir()) == []  # the key is in no file


def test_an_end_that_closes_closes_the_other_one(served: Served) -> None:
    with served.connect() as client:
        assert answered(client)
        served.echo.accepted[0].shutdown(socket.SHUT_RDWR)
        assert client.recv(1) == b""
    client = served.connect()
    assert answered(client)
    client.close()
    served.echo.serving[1].join(30)
    assert not served.echo.serving[1].is_alive()


def test_only_its_own_certificate_is_accepted_by_clients(served: Served) -> None:
    another, _ = issue("127.0.0.1", NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        served.connect(another.decode())
    with served.connect() as client:
        assert answered(client)


def test_a_peer_without_tls_gets_nothing(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.number), timeout=30) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"token" * 100)
        with contextlib.suppress(ConnectionResetError):
            assert b"token" not in plain.recv(1000)
    assert served.echo.accepted == []


def test_the_most_silent_connection_makes_room(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_port, "MAX_CONNECTIONS", 3)
    assert MAX_CONNECTIONS == 100
    clients = [served.connect() for _ in range(3)]
    assert [answered(clients[each]) for each in (0, 2, 1)] == [True] * 3
    clients.append(served.connect())
    assert answered(clients[3])
    assert [answered(each) for each in clients] == [False, True, True, True]
    for each in clients:
        each.close()


def test_peers_without_tls_close_no_connection(served: Served) -> None:
    with served.connect() as client, contextlib.ExitStack() as stack:
        assert answered(client)
        files = open_files()
        flood = [
            stack.enter_context(socket.create_connection(("127.0.0.1", served.number), timeout=30))
            for _ in range(300)
        ]
        with contextlib.suppress(ConnectionResetError):
            assert flood[0].recv(1) == b""
        with served.connect() as another:  # all of the flood have been accepted
            assert answered(another)
            now = open_files()
        assert now - files < len(flood) + 2 * MAX_HANDSHAKES
        assert answered(client)
        served.port.close()
        assert not answered(client)


def test_closing_ends_while_peers_connect(tmp_path: Path) -> None:
    echo = Echo()
    served = Served(tmp_path, echo)
    ended = threading.Event()

    def flood() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", served.number), timeout=30).close()

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for each in threads:
        each.start()
    closing = threading.Thread(target=served.port.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    ended.set()
    for each in threads:
        each.join()
    echo.close()


def test_without_its_program_connections_are_closed(served: Served) -> None:
    served.echo.close()
    with served.connect() as client:
        assert not answered(client)


def test_closing_closes_everything(tmp_path: Path) -> None:
    echo = Echo()
    served = Served(tmp_path, echo)
    with served.connect() as client, socket.create_connection(("127.0.0.1", served.number)):
        assert answered(client)
        served.port.close()
        assert not answered(client)
    with pytest.raises(ConnectionRefusedError):
        served.connect()
    echo.close()


def test_a_port_is_ones_own_only_while_one_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        assert is_own(port)
    assert not is_own(port)


def test_a_port_is_ones_own_only_on_loopback() -> None:
    """Another user could listen on the same port of loopback."""
    with socket.create_server(("0.0.0.0", 0)) as own:
        assert not is_own(own.getsockname()[1])
    with socket.socket(socket.AF_INET6) as java:
        java.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        java.bind(("::ffff:127.0.0.1", 0))
        java.listen()
        assert is_own(java.getsockname()[1])


def test_a_port_of_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"No port of {port}-{port} is free on this node"):
            listen("127.0.0.1", f"{port}-{port}")
    with listen("127.0.0.1", f"{port}-{port}") as free:
        assert free.getsockname()[1] == port

"""Debian's PostgreSQL, started by the tests; it is no service of the system."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALLED = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"
"""Of Debian's package: PostgreSQL refuses to run as root."""


class PostgreSQL:
    """A server that listens at a Unix socket, which only this process's account can open.

    Args:
        folder: Its folder, which its account owns; short, as a socket's path has 107 bytes at most.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = max(INSTALLED.iterdir(), key=lambda each: float(each.name)) / "bin"
        self._account = pwd.getpwuid(os.geteuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None

    def initialize(self) -> None:
        """Create its files."""
        # `peer`: the kernel tells the server whose process connects.
        options = ("--auth=peer", f"--username={self._account}", "--no-locale", "--no-sync")
        subprocess.run(
            self._command("initdb", *options, "--encoding=UTF8"),
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "unix_socket_permissions": "0700",
            "fsync": "off",  # it is killed, but its machine is not
        }
        words = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", *words), stdout=log, stderr=log, cwd="/"
            )
        until = time.monotonic() + 30
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                log_text = (self._folder / "log").read_text()
                assert self._process.poll() is None, f"it ended:\n{log_text}"
                assert time.monotonic() < until, f"it is not ready:\n{log_text}"
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, which ends its connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # a "fast shutdown"
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """Kill its main process with SIGKILL; the others end when they notice that."""
        assert self._process is not None, "it was not started"
        self._process.kill()
        self._process.wait(30)
        self._process = None
        until = time.monotonic() + 30
        while self._is_in_use():  # else the next one would refuse to start
            assert time.monotonic() < until, "its processes do not end"
            time.sleep(0.01)

    def _is_in_use(self) -> bool:
        """Whether a process of it runs: all of them have its folder as their working directory."""
        data = self._folder / "data"
        for each in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if each.readlink() == data:
                    return True
        return False

    def new_database(self) -> str:
        """The URL of a new database, for SQLAlchemy."""
        name = f"test_{secrets.token_hex(4)}"
        with self._connect() as connection:
            connection.execute(f"create database {name}".encode())
        return f"postgresql+psycopg://{self._account}@/{name}?host={self._folder}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._folder), dbname="postgres", user=self._account, autocommit=True
        )

    def _command(self, program: str, *words: str) -> list[str]:
        as_account = ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
        prefix = as_account if os.geteuid() == 0 else ()
        return [*prefix, str(self._bin / program), "-D", str(self._folder / "data"), *words]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for all tests, each of which has databases of its own."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # pytest's own folders are private to root
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT, ACCOUNT)
    server = PostgreSQL(folder)
    try:
        server.initialize()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database of each kind, for SQLAlchemy."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'database.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()

"""Another user of a node, who would like to be sent what is meant for alice.

Listens, at all addresses that he is given, at each port at which alice listens and at the one that
stands in `FOLDER/port`; writes into `tried` and `taken` how that goes, and into `received` what he
is sent. Ends when there is `stop`.
"""

from __future__ import annotations

import os
import pwd
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER, *ADDRESSES = Path(sys.argv[1]), *sys.argv[2:]


class Handler(BaseHTTPRequestHandler):
    """Keeps what he is sent, and answers as if all were well."""

    def do_GET(self) -> None:
        with (FOLDER / "received").open("a") as received:
            received.write(f"{self.path}\n{self.headers}")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


def ports() -> Iterator[int]:
    """Those that he would like to have now."""
    alice = pwd.getpwnam("alice").pw_uid
    if (FOLDER / "port").exists():
        yield int((FOLDER / "port").read_text() or 0)
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, uid, *_ = line.split()
            if state == "0A" and int(uid) == alice:
                yield int(local.rpartition(":")[2], 16)


def take(port: int, address: str) -> bool:
    """Listen there, if that can be had."""
    server = ThreadingHTTPServer((address, port), Handler, bind_and_activate=False)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        server.server_bind()
        server.server_activate()
    except OSError:
        server.server_close()
        return False
    Thread(target=server.serve_forever, daemon=True).start()
    return True


def note(name: str, port: int) -> None:
    """Tell the test."""
    with (FOLDER / name).open("a") as file:
        file.write(f"{port}\n")


if __name__ == "__main__":
    taken: set[int] = set()
    tried: set[int] = set()
    note("uid", os.getuid())
    while not (FOLDER / "stop").exists():
        for wanted in set(ports()) - taken - {0}:
            had = [take(wanted, address) for address in ADDRESSES]
            if any(had):
                taken.add(wanted)
                note("taken", wanted)
            elif wanted not in tried:
                tried.add(wanted)
                note("tried", wanted)
        time.sleep(0.005)

"""A light single-user server, for what hundreds of JupyterLabs would only make slow.

It speaks JupyterHub's protocol as far as a hub needs it. `GET state` counts in memory and says who
it is: a server that is the same as before has the same number and counts on.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, urlsplit

from yarnhub.integrations.jupyterhub.singleuser import prepare, report
from yarnhub.sessions.ports import proof

if TYPE_CHECKING:
    import socket

    from yarnhub.sessions.ports.held import HeldPort


class Handler(BaseHTTPRequestHandler):
    """Answers everything below the server's path."""

    count = 0
    held: ClassVar[HeldPort]
    token: ClassVar[str]

    def do_GET(self) -> None:
        """Count, and say who this is, or prove it."""
        type(self).count += self.path.endswith("/state")
        answer = json.dumps({"pid": os.getpid(), "count": self.count}).encode()
        asked = urlsplit(self.path)
        if asked.path.endswith(f"/{proof.PATH}"):
            (nonce,) = parse_qs(asked.query)["nonce"]
            answer = self.held.prove(self.token, nonce) or b""
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", version("jupyterhub"))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


def serve(listening: socket.socket) -> None:
    """Answer at a socket that listens already."""
    server = ThreadingHTTPServer(listening.getsockname()[:2], Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.serve_forever()


if __name__ == "__main__":
    variables = os.environ  # noqa: TID251  # this is an entry point
    Handler.held = prepare(variables, Path.cwd())
    # A word on the command line is the token of another server.
    Handler.token = sys.argv[1] if sys.argv[1:] else variables["JUPYTERHUB_API_TOKEN"]
    for each in Handler.held.sockets:
        Thread(target=serve, args=[each]).start()
    report(Handler.held.number, variables)

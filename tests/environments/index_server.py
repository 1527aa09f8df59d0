"""A package index that can keep its clients waiting, and remembers what they have sent."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class HangingIndex:
    """Answers a request only when it is released, and then with 404.

    Attributes:
        url: Of the index.
        asked: Set by the first request that has credentials.
        credentials: What clients have sent.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()
        self.credentials: list[str] = []
        self.url = ""

    @contextlib.contextmanager
    def serving(self) -> Iterator[HangingIndex]:
        """Serve in a thread."""
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                credentials = self.headers.get("Authorization")
                if credentials is None:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", "Basic realm=index")
                else:
                    index.credentials.append(credentials)
                    index.asked.set()
                    index.released.wait(300)
                    self.send_response(404)
                self.send_header("Content-Length", "0")
                with contextlib.suppress(OSError):  # the client was killed
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_port}/simple"
            thread = threading.Thread(target=server.serve_forever, name="index")
            thread.start()
            try:
                yield self
            finally:
                self.released.set()
                server.shutdown()
                thread.join()

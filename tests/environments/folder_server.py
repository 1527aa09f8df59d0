"""A server of a folder: an index, a channel, or a proxy before them."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

LOGIN = "Basic " + base64.b64encode(b"alice:secret-of-alice").decode()


class Folder(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; below `private` for those who log in."""

    def do_GET(self) -> None:
        if "/private/" not in self.path or self.headers.get("Authorization") == LOGIN:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing."""


def proxy(seen: list[tuple[str, str | None]]) -> type[Folder]:
    """A proxy before a folder, whose requests and logins are in `seen`; takes any host."""

    class Proxy(Folder):
        def do_GET(self) -> None:  # the name of the base class
            seen.append((self.path, self.headers.get("Proxy-Authorization")))
            self.path = re.sub("^http://[^/]+", "", self.path)
            super().do_GET()

    return Proxy


@contextlib.contextmanager
def serving(kind: type[Folder], folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a server."""
    handler = functools.partial(kind, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def netrc(folder: Path) -> str:
    """A file with the login, which only its owner can read."""
    path = folder / "netrc"
    path.write_text("machine 127.0.0.1 login alice password secret-of-alice\n")
    path.chmod(0o600)
    return str(path)

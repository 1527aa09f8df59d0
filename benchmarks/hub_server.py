"""A light stand-in for jupyterhub-singleuser: it speaks the hub's protocol and does nothing else.

Its secrets, its port and its report are those of `python -m yarnspawner.singleuser`.
"""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from yarnhub.integrations.jupyterhub.singleuser import prepare


class Answer(BaseHTTPRequestHandler):
    """Answers everything as `{prefix}api` is answered."""

    def do_GET(self) -> None:
        body = b"{}"
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", version("jupyterhub"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Run until the container is ended."""
    prepare(os.environ, Path.cwd())
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    ThreadingHTTPServer((url.hostname or "", url.port or 0), Answer).serve_forever()


if __name__ == "__main__":
    main()

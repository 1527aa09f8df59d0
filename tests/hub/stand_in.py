"""A light single-user server, for what hundreds of JupyterLabs would only make slow.

It speaks JupyterHub's protocol as far as a hub needs it. `GET state` counts in memory and says who
it is: a server that is the same as before has the same number and counts on.
"""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from yarnhub.integrations.jupyterhub.singleuser import prepare


class Handler(BaseHTTPRequestHandler):
    """Answers everything below the server's path."""

    count = 0

    def do_GET(self) -> None:
        """Count, and say who this is."""
        type(self).count += self.path.endswith("/state")
        answer = json.dumps({"pid": os.getpid(), "count": self.count}).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", version("jupyterhub"))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    variables = os.environ  # noqa: TID251  # this is an entry point
    prepare(variables, Path.cwd())
    url = urlsplit(variables["JUPYTERHUB_SERVICE_URL"])
    assert url.hostname
    assert url.port
    ThreadingHTTPServer((url.hostname, url.port), Handler).serve_forever()

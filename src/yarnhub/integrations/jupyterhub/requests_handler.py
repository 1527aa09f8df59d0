"""The handler for what kernels of a server ask for, such as tokens for Spark.

`POST /hub/api/yarnspawner/requests` with the server's own API token; the body is a line of
`kernels.protocol.Request`, and so is the answer, with what follows it. Everything is for the
server's own user.
"""

from __future__ import annotations

from tornado import web

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.integrations.jupyterhub.port_handler import PortHandler, server_of

PATH = r"/api/yarnspawner/requests"


class RequestsHandler(PortHandler):
    """Answers requests of servers, whose bodies are bounded like reports."""

    async def get(self) -> None:
        """Refuse it."""
        raise web.HTTPError(405)

    async def post(self) -> None:
        """Answer one."""
        try:
            content = await server_of(self).answer(bytes(self._body))
        except RemoteProtocolError as error:
            raise web.HTTPError(404, str(error)) from error
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Cache-Control", "no-store")
        self.write(content)

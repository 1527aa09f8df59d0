"""The handler for servers: where to listen on the node, and the report of the port.

`GET /hub/api/yarnspawner`, and `POST` with `{"port": 12345}`, or with `{"error": "..."}` if the
server cannot listen, with the server's own API token. The token identifies the server: a request
cannot change anything of other servers.
"""

from __future__ import annotations

import hmac
from typing import Protocol

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from yarnhub.sessions.ports.report import LONGEST_REPORT, ReportError, read_report

PATH = r"/api/yarnspawner"


class StartingSpawner(Protocol):
    """The spawner of a server that is being started."""

    async def place(self) -> dict[str, object]:
        """The addresses and ports for the server."""

    def report_port(self, port: int) -> None:
        """Called when the server has reported its port."""

    def report_error(self, error: str) -> None:
        """Called when the server has reported why it cannot listen."""


@web.stream_request_body
class PortHandler(APIHandler):
    """Returns where a server must listen, and receives its port.

    Bodies that are longer than a report are refused, and ignored without a token.
    """

    async def prepare(self) -> None:
        """Limit the body, and check the token."""
        self.request.connection.set_max_body_size(LONGEST_REPORT)
        await super().prepare()
        self._body = bytearray()
        try:
            self._spawner()
        except web.HTTPError:
            # Refused after the body was read. An earlier response closes the connection, and the
            # proxy may then respond 503 instead.
            self._wanted = False
        else:
            self._wanted = True

    def data_received(self, chunk: bytes) -> None:
        """See `tornado.web.stream_request_body`."""
        if self._wanted:
            self._body += chunk

    async def get(self) -> None:
        """Return where to listen."""
        self.write(await self._spawner().place())

    async def post(self) -> None:
        """Receive the port, or the reason why the server cannot listen."""
        spawner = self._spawner()
        try:
            report = read_report(bytes(self._body))
        except ReportError as refused:
            raise web.HTTPError(400, str(refused)) from refused
        match report:
            case int() as port:
                spawner.report_port(port)
            case str() as error:
                spawner.report_error(error)
        self.set_status(204)

    def _spawner(self) -> StartingSpawner:
        token = self.get_auth_token()
        user = self.current_user
        if not token or user is None or not hasattr(user, "spawners"):
            raise web.HTTPError(403, "a server reports its port with its own API token")
        for spawner in user.spawners.values():
            theirs = spawner.api_token
            if theirs and hmac.compare_digest(theirs.encode(), token.encode()):
                if hasattr(spawner, "report_port"):
                    found: StartingSpawner = spawner
                    return found
                break
        raise web.HTTPError(403, "the token does not belong to a server that is starting")

"""Where a server asks where to listen on its node, and reports the port that it has got there.

`GET /hub/api/yarnspawner`, and `POST` with `{"port": 12345}`, or with `{"error": "..."}` if there
will be none, with the server's own API token. The token says whose it is: the one server that was
started with it, and nothing else of that can be set.
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
        """Where the server shall listen."""

    def report_port(self, port: int) -> None:
        """The server has told its port."""

    def report_error(self, error: str) -> None:
        """The server has told that it will have no port, and why."""


@web.stream_request_body
class PortHandler(APIHandler):
    """Says where the server that asks shall listen, and takes its port.

    No more of a body is read than a report may have, and nothing of it is kept without a token.
    """

    async def prepare(self) -> None:
        """Limit the body, and see whether it is wanted."""
        self.request.connection.set_max_body_size(LONGEST_REPORT)
        await super().prepare()
        self._body = bytearray()
        try:
            self._spawner()
        except web.HTTPError:
            # Refused once the body has come. An answer before that ends the connection, and the
            # proxy may then answer 503 in its place.
            self._wanted = False
        else:
            self._wanted = True

    def data_received(self, chunk: bytes) -> None:
        """See `tornado.web.stream_request_body`."""
        if self._wanted:
            self._body += chunk

    async def get(self) -> None:
        """Say where to listen."""
        self.write(await self._spawner().place())

    async def post(self) -> None:
        """Take the port, or why there is none."""
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
        raise web.HTTPError(403, "this token is not that of a server that is being started")

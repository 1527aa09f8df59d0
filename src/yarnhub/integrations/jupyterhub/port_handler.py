"""The handler for servers: where to listen on the node, and the report of the port.

`GET /hub/api/yarnspawner`, and `POST` with `{"port": 12345}`, or with `{"error": "..."}` if the
server cannot listen, with the server's own API token. The token identifies the server: a request
cannot change anything of other servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from yarnhub.sessions.ports.report import LONGEST_REPORT, ReportError, read_report

if TYPE_CHECKING:
    from yarnhub.integrations.jupyterhub.server_token import ServerToken

PATH = r"/api/yarnspawner"


class ServerSpawner(Protocol):
    """The spawner of a server that runs or is being started.

    Attributes:
        server_token: Recognizes the server's API token.
    """

    server_token: ServerToken

    async def place(self) -> dict[str, object]:
        """The addresses and ports for the server."""

    def report_port(self, port: int) -> None:
        """Called when the server has reported its port."""

    def report_error(self, error: str) -> None:
        """Called when the server has reported why it cannot listen."""

    async def answer(self, received: bytes) -> bytes:
        """The answer to a request of one of the server's kernels.

        Raises:
            RemoteProtocolError: The server has nothing to answer it with.
        """


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
            server_of(self)
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
        self.write(await server_of(self).place())

    async def post(self) -> None:
        """Receive the port, or the reason why the server cannot listen."""
        spawner = server_of(self)
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


def server_of(handler: APIHandler) -> ServerSpawner:
    """The spawner of the server whose API token a request has.

    Raises:
        HTTPError: 403, if it is not the token of such a server.
    """
    token = handler.get_auth_token()
    if not token:
        raise web.HTTPError(403, "a server sends its own API token")
    # A service has none, and not every class of spawners is ours.
    for spawner in getattr(handler.current_user, "spawners", {}).values():
        if hasattr(spawner, "server_token") and spawner.server_token.matches(token):
            found: ServerSpawner = spawner
            return found
    raise web.HTTPError(403, "this is not the API token of a running or starting server")

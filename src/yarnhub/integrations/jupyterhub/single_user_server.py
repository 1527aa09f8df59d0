"""Jupyter Server on the port on which this process already listens, with the proof for the hub."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, RequestHandler

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.jupyterhub import dask_dashboards
from yarnhub.sessions.ports import proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.sessions.ports.held import HeldPort
    from yarnhub.sessions.ports.report import Reporter


class ProofHandler(RequestHandler):
    """Responds to anyone with a proof that this is the server; reveals no secret."""

    def initialize(self, held: HeldPort, token: str) -> None:
        """Receive the data for the proof."""
        self._held, self._token = held, token

    @allow_unauthenticated
    def get(self) -> None:
        """Return the proof."""
        answer = self._held.prove(self._token, self.get_query_argument("nonce", ""))
        if answer is None:
            raise HTTPError(400)
        self.set_header("Content-Type", "application/json")
        self.write(answer)


def server_on(held: HeldPort, reporter: Reporter, variables: Mapping[str, str]) -> type[ServerApp]:
    """A class of Jupyter Server that uses a held port, and then reports it to the hub.

    Args:
        held: The port on which it listens.
        reporter: Reports to the hub.
        variables: The variables of this process, with the server's API token.
    """
    token = variables["JUPYTERHUB_API_TOKEN"]

    class Server(ServerApp):
        """Jupyter's own class, except for the port."""

        def _find_http_port(self) -> None:
            """Do nothing: the port is held."""

        def _bind_http_server_tcp(self) -> bool:
            path = url_path_join(self.base_url, proof.PATH)
            arguments = {"held": held, "token": token}
            pages = dask_dashboards.routes(self.base_url, variables)
            self.web_app.add_handlers(".*$", [(path, ProofHandler, arguments), *pages])
            self.http_server.add_sockets(held.sockets)
            self.io_loop.add_callback(self._report)
            return True

        async def _report(self) -> None:
            try:
                await asyncio.to_thread(reporter.report_port, held.number)
            except ConfigurationError as error:
                self.log.critical("%s", error)
                self.exit(1)

    return Server


def run(held: HeldPort, reporter: Reporter, variables: Mapping[str, str]) -> None:
    """Run JupyterHub's single-user server; exits with it.

    Args:
        held: The port on which the server listens.
        reporter: Reports to the hub.
        variables: The variables of this process, after `singleuser.prepare`.
    """
    server = server_on(held, reporter, variables)
    if variables.get("JUPYTERHUB_SINGLEUSER_EXTENSION") == "0":
        from jupyterhub.singleuser.mixins import make_singleuser_app

        make_singleuser_app(server).launch_instance()
        return
    from jupyterhub.singleuser.extension import JupyterHubSingleUser

    class SingleUser(JupyterHubSingleUser):
        """JupyterHub's own class, on that server."""

        serverapp_class = server

        @classmethod
        def get_extension_package(cls) -> str:
            """The package that contains the extension: JupyterHub."""
            return "jupyterhub"

    SingleUser.launch_instance()

"""How users of dask-gateway's server prove who they are with Kerberos tickets."""

from __future__ import annotations

import os

from aiohttp import web
from dask_gateway_server.auth import Authenticator
from dask_gateway_server.models import User
from traitlets import Unicode

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import configuration_folder
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.acceptor import TicketAcceptor
from yarnhub.hadoop.security.auth_to_local import local_name

_MAX_HEADER = 64 * 1024
"""Bytes of a header; aiohttp's limit is 8190. A ticket of Active Directory lists all groups of its
user, in 48 000 bytes at most by default (MaxTokenSize), of which base64 makes 64 000."""
_PROOF = "yarnhub.proof"
"""The item of a request with the header that answers its ticket."""


class KerberosAuthenticator(Authenticator):
    """Kerberos tickets, with the configuration of dask-gateway's own `KerberosAuthenticator`.

    A user's name is the one that the cluster's `hadoop.security.auth_to_local` gives.
    """

    service_name = Unicode(
        "HTTP", config=True, help="The name of the service in its principals; browsers use `HTTP`."
    )

    keytab = Unicode(
        "dask_gateway.keytab",
        config=True,
        help="The path of the file with the service's keys, for every host name in it.",
    )

    async def setup(self, app: web.Application) -> None:
        """See `Authenticator.setup`.

        Raises:
            ConfigurationError: There is no Hadoop configuration.
            ValueError: The keytab has no key of the service.
            FileNotFoundError: There is no keytab.
        """
        environment = os.environ  # noqa: TID251  # the server's configuration
        folder = configuration_folder(environment)
        self._configuration = Configuration.load(folder, environment)
        self._tickets = TicketAcceptor(self.keytab, self.service_name)
        app.on_response_prepare.append(_prove)
        # dask-gateway creates the application and its server without a setting for this.
        known = app._handler_args or {}  # noqa: SLF001
        app._handler_args = {**known, "max_field_size": _MAX_HEADER}  # noqa: SLF001

    async def authenticate(self, request: web.Request) -> User:
        """See `Authenticator.authenticate`.

        Raises:
            HTTPUnauthorized: There is no valid ticket.
            HTTPForbidden: The ticket's owner has no name on the cluster.
        """
        accepted = self._tickets.accept(request.headers.get("Authorization", ""))
        if accepted is None:
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": "Negotiate"},
                reason="A valid Kerberos ticket is required: run kinit",
            )
        principal, request[_PROOF] = accepted
        try:
            return User(local_name(principal, self._configuration))
        except ConfigurationError as error:
            self.log.warning("%s is refused: %s", principal, error)
            raise web.HTTPForbidden(
                reason=f"{principal} has no name on the cluster (hadoop.security.auth_to_local)"
            ) from error


async def _prove(request: web.Request, response: web.StreamResponse) -> None:
    """Prove who the server is, with errors too: clients look at that first."""
    proof = request.get(_PROOF)
    if proof:
        response.headers["WWW-Authenticate"] = proof

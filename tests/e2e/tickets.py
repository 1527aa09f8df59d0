"""HTTP with Kerberos tickets."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

import gssapi
import httpx

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Tickets(httpx.Auth):
    """Proves with a ticket who each request is from.

    Args:
        user: Whose ticket.
        keytab: The user's.
    """

    def __init__(self, user: str, keytab: Path) -> None:
        self._service = gssapi.Name("HTTP@localhost", gssapi.NameType.hostbased_service)
        self._credentials = gssapi.Credentials(
            name=gssapi.Name(user, gssapi.NameType.user),
            usage="initiate",
            # Of its own: a cache in memory is the process's, with tickets of other clusters.
            store={"client_keytab": str(keytab), "ccache": f"MEMORY:{uuid.uuid4()}"},
        )

    def header(self) -> str:
        """The header `Authorization` of one request."""
        context = gssapi.SecurityContext(
            name=self._service, creds=self._credentials, usage="initiate"
        )
        return f"Negotiate {base64.b64encode(context.step() or b'').decode()}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add the header."""
        request.headers["Authorization"] = self.header()
        yield request

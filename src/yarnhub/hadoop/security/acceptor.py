"""Kerberos tickets of the clients of a web server of ours: HTTP's Negotiate (SPNEGO, RFC 4559).

Needs the package `gssapi`.
"""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)


class TicketAcceptor:
    """Accepts the tickets for one service, with its key.

    Args:
        keytab: The file with the key.
        service: The service's name; browsers use `HTTP`.
        host: The host's name in the service's principal; empty for every one in the keytab.

    Attributes:
        realm: Of the service's principal; empty if the keytab has several.

    Raises:
        ValueError: The service's key is not in the keytab.
        FileNotFoundError: The keytab does not exist.
        ImportError: The package `gssapi` is not installed.
    """

    def __init__(self, keytab: str | Path, service: str = "HTTP", host: str = "") -> None:
        import gssapi

        path = Path(keytab).expanduser().absolute()
        if not path.exists():
            raise FileNotFoundError(f"No keytab found at {path}")
        name = f"{service}@{host}" if host else service
        wanted = gssapi.Name(name, gssapi.NameType.hostbased_service)
        try:
            # The variable KRB5_KTNAME, which the whole process would share, remains as it is.
            self._credentials: Any = gssapi.Credentials(
                name=wanted, usage="accept", store={"keytab": f"FILE:{path}"}
            )
            principal = str(self._credentials.name)
        except gssapi.raw.GSSError as error:
            raise ValueError(f"{path} has no key for {name.replace('@', '/')}: {error}") from error
        self.realm = principal.rpartition("@")[2] if host else ""

    def accept(self, header: str) -> tuple[str, str] | None:
        """Verify the header `Authorization` of a request.

        Args:
            header: The header; empty if the request has none.

        Returns:
            The client's principal, and the header `WWW-Authenticate` of the response, with which
            the server proves itself; None if the client did not prove who it is.
        """
        import gssapi

        scheme, _, token = header.partition(" ")
        if scheme.lower() != "negotiate":
            return None
        try:
            context = gssapi.SecurityContext(creds=self._credentials, usage="accept")
            answer = context.step(base64.b64decode(token, validate=True)) or b""
            # An error with a response for the client is raised only here.
            if not context.complete:
                return None
            principal = str(context.initiator_name)
        except (ValueError, gssapi.raw.GSSError) as error:
            _log.info("a client failed to authenticate: %s", error)
            return None
        return principal, f"Negotiate {base64.b64encode(answer).decode()}" if answer else ""

"""How clients of dask-gateway prove who they are with the tickets of `kinit`."""

from __future__ import annotations

import base64
import re
from typing import Any

from dask_gateway.auth import GatewayAuth

from yarnhub.base.errors import AuthenticationError
from yarnhub.hadoop.security.kerberos import KerberosContext, TicketCache

# Any, in this module: aiohttp's responses, in a package that clients may not have for types

_NEGOTIATE = re.compile(r"\bNegotiate +([^\s,]+)", re.IGNORECASE)
"""One of the header's challenges."""


class KerberosAuth(GatewayAuth):
    """Kerberos tickets; needs no pykerberos, which has no wheels.

    Select it by `gateway.auth.type` in Dask's configuration, or `Gateway(auth=KerberosAuth())`.
    """

    def pre_request(self, resp: Any) -> tuple[dict[str, str], KerberosContext]:
        """See `GatewayAuth.pre_request`.

        Raises:
            AuthenticationError: There is no ticket, or the KDC knows no such server.
        """
        context = TicketCache().open(f"HTTP/{resp.url.host}")
        token = base64.b64encode(context.step(None)).decode()
        return {"Authorization": f"Negotiate {token}"}, context

    def post_response(self, resp: Any, context: KerberosContext | None = None) -> None:
        """See `GatewayAuth.post_response`.

        Raises:
            AuthenticationError: The server did not prove itself.
        """
        found = _NEGOTIATE.search(resp.headers.get("WWW-Authenticate", ""))
        token = found[1] if found else ""
        if not token and resp.status >= 400 and resp.status != 401:
            return  # a proxy's, for example: dask-gateway raises an error for it
        if context is None or not token:
            raise AuthenticationError(
                f"{resp.url.host} refused the ticket, or did not prove itself"
            )
        try:
            context.step(base64.b64decode(token, validate=True))
        except ValueError as error:
            raise AuthenticationError(f"{resp.url.host} sent no valid proof of itself") from error

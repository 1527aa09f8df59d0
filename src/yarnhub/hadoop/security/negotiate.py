"""Kerberos authentication to a web server: HTTP's Negotiate (SPNEGO, RFC 4559)."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.hadoop.http import Response
    from yarnhub.hadoop.security.users import KerberosCredential


class Negotiation:
    """The authentication of one request. The library blocks on the KDC, so it runs in a thread.

    Args:
        credential: The client's credential.
        host: The server's host name, as in its principal.
    """

    def __init__(self, credential: KerberosCredential, host: str) -> None:
        self._context = credential.open(f"HTTP/{host}")

    async def header(self) -> tuple[str, str]:
        """The request's header.

        Raises:
            AuthenticationError: There is no ticket, or the KDC refused.
        """
        token = await asyncio.to_thread(self._context.step, None)
        return "Authorization", f"Negotiate {base64.b64encode(token).decode()}"

    async def check(self, response: Response) -> None:
        """Verify the server's own token, if any.

        Raises:
            AuthenticationError: It is wrong.
        """
        answer = response.header("www-authenticate").partition("Negotiate ")[2]
        if answer:
            await asyncio.to_thread(self._context.step, base64.b64decode(answer))

"""Proving by Kerberos to a web server who we are: HTTP's Negotiate (SPNEGO, RFC 4559)."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.hadoop.http import Response
    from yarnhub.hadoop.security.users import KerberosCredential


class Negotiation:
    """One request's proof. The library blocks while it asks the KDC, so that runs in a thread.

    Args:
        credential: Who we are.
        host: The server's, as its principal has it.
    """

    def __init__(self, credential: KerberosCredential, host: str) -> None:
        self._context = credential.open(f"HTTP/{host}")

    async def header(self) -> tuple[str, str]:
        """What goes with the request.

        Raises:
            AuthenticationError: There is no ticket, or the KDC refuses.
        """
        token = await asyncio.to_thread(self._context.step, None)
        return "Authorization", f"Negotiate {base64.b64encode(token).decode()}"

    async def check(self, response: Response) -> None:
        """Look at the server's own proof, where there is one.

        Raises:
            AuthenticationError: It is wrong.
        """
        answer = response.header("www-authenticate").partition("Negotiate ")[2]
        if answer:
            await asyncio.to_thread(self._context.step, base64.b64decode(answer))

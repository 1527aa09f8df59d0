"""The web servers of Hadoop's daemons, with Kerberos authentication if required."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    ConnectError,
    RemoteProtocolError,
)
from yarnhub.hadoop.http import Response, exchange
from yarnhub.hadoop.security.negotiate import Negotiation
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.trust import trust_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from yarnhub.client.access.settings import Settings

RESPONSE_TIMEOUT = 10.0
"""Seconds for a response to start, and for each part of it."""
_MAX_TEXT = 16 << 20
"""The largest response that is held in memory, in bytes."""
_OK, _UNAUTHORIZED = 200, 401


class WebServers:
    """Daemons' web servers of one kind.

    Every method raises `ConnectError`, `ConnectionLostError` or `DeadlineExceededError` if a server
    does not respond, and `AuthenticationError` if it refuses the user. Cancelling leaves nothing
    behind.

    Args:
        settings: The user.
        kind: The daemon, such as `NodeManager`; for error messages.
        deadline: Seconds for a response to start, and for each part of it; None is the default.
    """

    def __init__(self, settings: Settings, kind: str, deadline: float | None = None) -> None:
        self._settings = settings
        self._what = f"the {kind}'s web server"
        self._deadline = deadline
        self._cookies: dict[str, str] = {}
        """By host and port: authentication is not repeated for each request."""

    @contextlib.asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[Response]:
        """The response at a URL, of any status but 401. Redirects are not followed."""
        async with contextlib.AsyncExitStack() as stack:
            response = await self._send(stack, url)
            if response.status == _UNAUTHORIZED:
                response = await self._negotiate(stack, url)
            yield response

    async def parts(self, response: Response, address: str) -> AsyncGenerator[bytes, None]:
        """The body of a response, as it arrives.

        Args:
            response: From `get`.
            address: Host and port of the server; for error messages.
        """
        while True:
            async with self._timer(address):
                part = await anext(response.chunks, b"")
            if not part:
                return
            yield part

    async def text(self, response: Response, address: str) -> bytes:
        """The whole body of a response.

        Raises:
            RemoteProtocolError: It is too long.
        """
        body = bytearray()
        async for part in self.parts(response, address):
            body += part
            if len(body) > _MAX_TEXT:
                raise RemoteProtocolError(
                    f"the response of {address} is longer than {_MAX_TEXT} bytes"
                )
        return bytes(body)

    async def json(self, url: str) -> Any:  # Any: JSON
        """A server's response as JSON.

        Raises:
            RemoteProtocolError: It responds with something else.
        """
        address = urlsplit(url).netloc
        async with self.get(url) as response:
            body = await self.text(response, address)
            if response.status == _OK:
                with contextlib.suppress(ValueError, RecursionError):
                    return await asyncio.to_thread(json.loads, body)
        raise RemoteProtocolError(f"{url} responded with status {response.status} and without JSON")

    async def _send(
        self, stack: contextlib.AsyncExitStack, url: str, proof: tuple[str, str] | None = None
    ) -> Response:
        address = urlsplit(url).netloc
        headers = [("Accept", "application/json, text/plain")]
        if cookie := self._cookies.get(address):
            headers.append(("Cookie", cookie))
        if proof is not None:
            headers.append(proof)
        async with self._timer(address):
            trust = await trust_for(url, self._settings.trust)
            response = await stack.enter_async_context(
                exchange("GET", url, headers=headers, trust=trust)
            )
        for name, value in response.headers:
            if name == "set-cookie" and value.startswith("hadoop.auth="):
                self._cookies[address] = value.partition(";")[0]
        return response

    async def _negotiate(self, stack: contextlib.AsyncExitStack, url: str) -> Response:
        """Authenticate the user by Kerberos (SPNEGO, RFC 4559)."""
        parts = urlsplit(url)
        self._cookies.pop(parts.netloc, None)
        user = self._settings.user
        if not isinstance(user, KerberosUser):
            raise AuthenticationError(
                f"{self._what} at {parts.netloc} requires Kerberos, but"
                f" hadoop.security.authentication here is not kerberos"
            )
        proof = Negotiation(user.credential, parts.hostname or "")
        async with self._timer(parts.netloc):
            header = await proof.header()
        response = await self._send(stack, url, header)
        if response.status == _UNAUTHORIZED:
            raise AuthenticationError(
                f"{self._what} at {parts.netloc} does not accept the Kerberos ticket of "
                f"{user.credential.principal}"
            )
        await proof.check(response)
        return response

    @contextlib.asynccontextmanager
    async def _timer(self, address: str) -> AsyncIterator[None]:
        seconds = RESPONSE_TIMEOUT if self._deadline is None else self._deadline
        message = f"{self._what} at {address} did not respond within {seconds:g} s"
        try:
            async with Deadline(seconds, message):
                yield
        except ConnectError as error:
            raise ConnectError(f"{self._what} cannot be reached: {error}") from error

"""Logs on a NodeManager's disk, read through its web server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    Outcome,
    RemoteError,
    RemoteProtocolError,
)
from yarnhub.hadoop.http import Response, exchange
from yarnhub.hadoop.security.negotiate import Negotiation
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.trust import system
from yarnhub.yarn.logs.node import LogAnswer, parse_listing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from yarnhub.client.settings import Settings
    from yarnhub.yarn.records.ids import ContainerId

_DEADLINE = 10.0
"""Seconds for an answer to begin, and for each part of it."""
_SLACK = 1 << 16
"""Bytes that a file may have grown since its size was asked for, for one request to do."""
_MAX_TEXT = 16 << 20
"""Bytes of an answer that is not a log."""
_OK, _REDIRECTED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 307, 401, 403, 404
_REFUSED = re.compile(r"User \[.*\] is not authorized to view the logs")


class NodeLogs:
    """The logs of containers whose application runs, as one user reads them from the nodes.

    Every method raises `ConnectError`, `ConnectionLostError` or `DeadlineExceededError` where a
    node's web server does not answer, `AuthenticationError` and `AccessDeniedError` where it
    refuses the user, `RemoteError` where it fails. Cancelling leaves nothing behind.

    Args:
        settings: Who the user is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secure = settings.configuration.get("yarn.http.policy") == "HTTPS_ONLY"
        self._scheme = "https" if secure else "http"
        self._trust = settings.trust() if secure else system()
        self._cookies: dict[str, str] = {}
        """By host and port: who has proven who he is need not do so for each request."""

    async def list(self, address: str, container_id: ContainerId) -> dict[str, int] | None:
        """A container's log files with their sizes in bytes.

        None: the node has none yet or any more. It keeps them while the application runs, and
        uploads them when that has ended.

        Args:
            address: Host and port of the node's web server.
            container_id: Which container.
        """
        async with self._get(address, f"{container_id}/logs") as response:
            if response is None:
                return None
            return parse_listing(await _text(response, address))

    async def read(
        self, address: str, container_id: ContainerId, name: str, start: int, known: int
    ) -> AsyncGenerator[bytes, None]:
        """A log file from a byte on to its end, which is where it is when the reading begins.

        Nothing comes of a file that is shorter, or not there. Close the generator
        (`contextlib.aclosing`) when it is left early.

        Args:
            address: Host and port of the node's web server.
            container_id: Which container.
            name: Which file.
            start: How many bytes to pass over.
            known: The file's size when it was asked for.
        """
        slack = _SLACK
        while True:
            tail = max(0, known - start) + slack if start else None
            size = "" if tail is None else f"size=-{tail}"
            path = f"{container_id}/logs/{quote(name, safe='')}"
            async with self._get(address, path, size) as response:
                if response is None:
                    return
                answer, gap = LogAnswer(tail), False
                async with contextlib.aclosing(_parts(response, address)) as parts:
                    async for part in parts:
                        content = answer.feed(part)
                        begin = answer.position - len(content)
                        if gap := begin > start:
                            break
                        if content := content[start - begin :]:
                            start += len(content)
                            yield content
                        if answer.complete:
                            return
            if not gap:
                raise ConnectionLostError(
                    f"the log {name} of {container_id} ended early at {address}", Outcome.UNKNOWN
                )
            # It grew faster than that.
            known, slack = answer.length or known, slack * 8

    @contextlib.asynccontextmanager
    async def _get(
        self, address: str, path: str, query: str = ""
    ) -> AsyncIterator[Response | None]:
        """An answer of status 200, or None where there is nothing."""
        user = f"user.name={quote(self._settings.user_name, safe='')}"
        url = (
            f"{self._scheme}://{address}/ws/v1/node/containers/{path}"
            f"?{user}{f'&{query}' if query else ''}"
        )
        async with contextlib.AsyncExitStack() as stack:
            response = await self._send(stack, address, url)
            if response.status == _UNAUTHORIZED:
                response = await self._negotiate(stack, address, url)
            if response.status == _OK:
                yield response
            elif response.status in {_NOT_FOUND, _REDIRECTED}:
                # Redirected to a log server: that has what was aggregated.
                yield None
            else:
                await self._refuse(response, address)
                yield None

    async def _send(
        self,
        stack: contextlib.AsyncExitStack,
        address: str,
        url: str,
        proof: tuple[str, str] | None = None,
    ) -> Response:
        headers = [("Accept", "application/json, text/plain")]
        if cookie := self._cookies.get(address):
            headers.append(("Cookie", cookie))
        if proof is not None:
            headers.append(proof)
        async with _timer(address):
            response = await stack.enter_async_context(
                exchange("GET", url, headers=headers, trust=self._trust)
            )
        for name, value in response.headers:
            if name == "set-cookie" and value.startswith("hadoop.auth="):
                self._cookies[address] = value.partition(";")[0]
        return response

    async def _negotiate(
        self, stack: contextlib.AsyncExitStack, address: str, url: str
    ) -> Response:
        """Prove by Kerberos who the user is (SPNEGO, RFC 4559)."""
        self._cookies.pop(address, None)
        user = self._settings.user
        if not isinstance(user, KerberosUser):
            raise AuthenticationError(
                f"the NodeManager's web server at {address} wants Kerberos, and "
                "hadoop.security.authentication here is not kerberos"
            )
        proof = Negotiation(user.credential, urlsplit(url).hostname or "")
        async with _timer(address):
            header = await proof.header()
        response = await self._send(stack, address, url, header)
        if response.status == _UNAUTHORIZED:
            raise AuthenticationError(
                f"the NodeManager's web server at {address} does not accept the Kerberos ticket of "
                f"{user.credential.principal}"
            )
        await proof.check(response)
        return response

    async def _refuse(self, response: Response, address: str) -> None:
        """Raise what the answer says, unless it is that there is nothing."""
        text = (await _text(response, address)).decode(errors="replace")
        said = _message(text)
        if "NotFoundException" in text:
            return
        if response.status == _FORBIDDEN or _REFUSED.search(said):
            raise AccessDeniedError("", f"{said} (the NodeManager's web server at {address})")
        raise RemoteError(
            "",
            f"the NodeManager's web server at {address} answered with status {response.status}: "
            f"{said[:500] or response.reason}",
        )


def _message(text: str) -> str:
    """What an answer says that is an error, without Java's names."""
    try:
        # Any: what JSON holds is looked at part by part.
        said = str(json.loads(text)["RemoteException"]["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        said = text.strip().partition("\n")[0]
    return re.sub(r"^(?:[\w.$]+(?:Exception|Error): )+", "", said)


@contextlib.asynccontextmanager
async def _timer(address: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_DEADLINE):
            yield
    except ConnectError as error:
        raise ConnectError(f"the NodeManager's web server cannot be reached: {error}") from error
    except TimeoutError as error:
        raise DeadlineExceededError(
            f"no answer from the NodeManager's web server at {address} within {_DEADLINE:g} s"
        ) from error


async def _parts(response: Response, address: str) -> AsyncGenerator[bytes, None]:
    while True:
        async with _timer(address):
            part = await anext(response.chunks, b"")
        if not part:
            return
        yield part


async def _text(response: Response, address: str) -> bytes:
    body = bytearray()
    async for part in _parts(response, address):
        body += part
        if len(body) > _MAX_TEXT:
            raise RemoteProtocolError(f"the answer of {address} is longer than {_MAX_TEXT} bytes")
    return bytes(body)

"""Fetching the logs on a NodeManager's disk from its web server."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from yarnhub.base.errors import AccessDeniedError, CallOutcome, ConnectionLostError, RemoteError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.access.web_servers import WebServers
from yarnhub.yarn.addresses import has_tls
from yarnhub.yarn.logs.node_responses import LogAnswer, parse_listing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from yarnhub.client.access.settings import Settings
    from yarnhub.hadoop.http import Response
    from yarnhub.yarn.records.ids import ContainerId

_MAX_GROWTH = 1 << 16
"""The growth of a file since its size was queried that one request covers, in bytes."""
_OK, _REDIRECTED, _FORBIDDEN, _NOT_FOUND = 200, 307, 403, 404
_NOT_AUTHORIZED = re.compile(r"User \[.*\] is not authorized to view the logs")


class NodeAccessDeniedError(AccessDeniedError):
    """A NodeManager does not show the logs of a running application to the login that asks.

    Its web server does not accept a login that acts for another user: the login itself must be the
    application's owner, in its view ACL, or an administrator of YARN.

    Source: org.apache.hadoop.yarn.server.nodemanager.webapp.ContainerLogsUtils.checkAccess (3.4).
    """


class NodeLogs:
    """The logs of containers whose application runs, as one user reads them from the nodes.

    Every method raises `ConnectError`, `ConnectionLostError` or `DeadlineExceededError` if a node's
    web server does not respond, `AuthenticationError` and `AccessDeniedError` if it refuses the
    user, `RemoteError` if it fails. Cancelling leaves nothing behind.

    Args:
        settings: Who the user is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scheme = "https" if has_tls(settings.configuration) else "http"
        self._servers = WebServers(settings, "NodeManager")

    async def list(self, address: str, container_id: ContainerId) -> dict[str, int] | None:
        """A container's log files with their sizes in bytes.

        None if the node has none yet or no longer. It keeps them while the application runs, and
        uploads them when it has ended.

        Args:
            address: Host and port of the node's web server.
            container_id: Which container.
        """
        async with self._get(address, f"{container_id}/logs") as response:
            if response is None:
                return None
            return parse_listing(await self._servers.text(response, address))

    async def read(
        self, address: str, container_id: ContainerId, name: str, start: int, known: int
    ) -> AsyncGenerator[bytes, None]:
        """A log file from an offset to its end at the start of reading.

        Yields nothing if the file is shorter or does not exist. Close the generator
        (`contextlib.aclosing`) when it is left early.

        Args:
            address: Host and port of the node's web server.
            container_id: Which container.
            name: Which file.
            start: The number of bytes to skip.
            known: The file's size when it was queried.
        """
        slack = _MAX_GROWTH
        while True:
            tail = max(0, known - start) + slack if start else None
            size = "" if tail is None else f"size=-{tail}"
            path = f"{container_id}/logs/{quote(name, safe='')}"
            async with self._get(address, path, size) as response:
                if response is None:
                    return
                answer, gap = LogAnswer(tail), False
                async with contextlib.aclosing(self._servers.parts(response, address)) as parts:
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
                    f"the log {name} of {container_id} ended early at {address}",
                    CallOutcome.UNKNOWN,
                )
            # It grew faster than that.
            known, slack = answer.length or known, slack * 8

    @contextlib.asynccontextmanager
    async def _get(
        self, address: str, path: str, query: str = ""
    ) -> AsyncIterator[Response | None]:
        """A response with status 200, or None if there is no log."""
        user = f"user.name={quote(self._settings.user_name, safe='')}"
        url = (
            f"{self._scheme}://{address}/ws/v1/node/containers/{path}"
            f"?{user}{f'&{query}' if query else ''}"
        )
        async with self._servers.get(url) as response:
            if response.status == _OK:
                yield response
            elif response.status in {_NOT_FOUND, _REDIRECTED}:
                # Redirected to a log server: that has what was aggregated.
                yield None
            else:
                await self._refuse(response, address)
                yield None

    async def _refuse(self, response: Response, address: str) -> None:
        """Raise the error of a response, unless it means that there is no log."""
        body = await self._servers.text(response, address)
        text = clean_and_cut(body.decode(errors="replace"))
        message = _message(text)
        if _means_not_found(text, message):
            return
        if response.status == _FORBIDDEN or _NOT_AUTHORIZED.search(message):
            raise NodeAccessDeniedError(
                "", f"{message} (the NodeManager's web server at {address})"
            )
        raise RemoteError(
            "",
            f"the NodeManager's web server at {address} responded with status {response.status}: "
            f"{message[:500] or response.reason}",
        )


def _means_not_found(text: str, message: str) -> bool:
    """Whether a response of any status means that there is no log.

    For an unknown container the list of logs has status 503 and contains the intended error: its
    Java class until Hadoop 3.4, its status line in 3.5.
    """
    return "NotFoundException" in text or message.startswith(f"HTTP {_NOT_FOUND} ")


def _message(text: str) -> str:
    """The message of an error response, without Java's names."""
    try:
        # Any: what JSON holds is looked at part by part.
        message = str(json.loads(text)["RemoteException"]["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        message = text.strip().partition("\n")[0]
    return re.sub(r"^(?:[\w.$]+(?:Exception|Error): )+", "", message)

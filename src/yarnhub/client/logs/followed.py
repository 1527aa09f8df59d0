"""One log file of a running container, followed until the container or its application ends."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, AuthenticationError
from yarnhub.client.logs.aggregated import LogChunk
from yarnhub.client.logs.live import LiveLogs
from yarnhub.client.logs.selection import LogSelection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.port import Applications
    from yarnhub.client.logs.aggregated import LogFile

_LOOK = 1.0
"""Seconds between two requests to the node."""
_ASK = 5.0
"""Seconds between two requests to the ResourceManager: whether the container runs, and the user may
view it."""


async def follow_container(
    applications: Applications, settings: Settings, file: LogFile, start: int
) -> AsyncGenerator[LogChunk, None]:
    """The content of a file, as it is written; an empty chunk for each look that found nothing.

    Ends when the container has ended and its file was read to the end, or when the application has
    ended: then the node may have deleted the file before that. If the node does not respond, it is
    retried. Close the generator (`contextlib.aclosing`) if you leave it early.

    Args:
        applications: Access to applications, as the user.
        settings: The cluster and the user.
        file: From a listing of the node.
        start: The offset to begin with.

    Raises:
        AccessDeniedError: YARN does not show the application to the user any more.
        AuthenticationError: The node does not accept the login.
    """
    container_id = file.container_id
    number = container_id.app_attempt_id.application_id
    selection = LogSelection(
        containers=frozenset({str(container_id)}), files=frozenset({file.name})
    )
    clock = asyncio.get_running_loop().time
    asked, position = -math.inf, start
    async with LiveLogs(
        applications, settings, selection, lambda _: None, ask_master=False
    ) as live:
        live.add(file)
        live.positions[container_id, file.name] = start
        while True:
            if clock() - asked >= _ASK:
                report = await applications.application_report(number)
                if report.yarn_application_state.ended:
                    return
                await live.discover(report)
                asked = clock()
            await live.list_files({container_id}, named=False)
            async with contextlib.aclosing(live.read(whole=True)) as chunks:
                async for chunk in chunks:
                    position = chunk.offset + len(chunk.data)
                    yield chunk
            if isinstance(live.failure, AccessDeniedError | AuthenticationError):
                raise live.failure
            if live.has_settled(container_id) and container_id not in live.failures:
                return
            yield LogChunk(file, position, b"")
            await asyncio.sleep(_LOOK)

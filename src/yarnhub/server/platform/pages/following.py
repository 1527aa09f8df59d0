"""A part of a page that is looked at again and again, while somebody sees it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator  # noqa: TC003  # FastAPI reads it
from typing import TYPE_CHECKING

from fastapi import HTTPException
from fastapi.sse import ServerSentEvent

from yarnhub.server.platform.pages.login import VisitorOf  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.problems import status_of
from yarnhub.server.platform.service import ServiceOf, StreamKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.base.errors import YarnhubError
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service


async def count_stream(service: ServiceOf, visitor: VisitorOf) -> AsyncIterator[None]:
    """Count an open stream, until its response has ended.

    Raises:
        HTTPException: Too many are open.
    """
    with service.streams.take(visitor.identity.name, StreamKind.EVENTS):
        yield


async def is_still(visitor: Visitor, service: Service) -> bool:
    """Whether a browser is still logged in as the same user, and the service continues."""
    session = visitor.session
    if service.watch.is_stopped or service.sessions.get(session.id) is None:
        return False
    return await service.viewers.are_still(visitor.identity)


def is_gone(error: HTTPException | YarnhubError) -> bool:
    """Whether an error says that the viewer cannot see what is followed, now and later."""
    status = error.status_code if isinstance(error, HTTPException) else status_of(error)
    return status in (403, 404)


async def follow(
    visitor: Visitor,
    service: Service,
    look: Callable[[], Awaitable[str | None]],
    interval: float,
) -> AsyncIterator[ServerSentEvent]:
    """Events with what has changed, until the login ends. Closing it leaves nothing behind.

    After an event `end`, which says that nothing will change, browsers do not open it again.

    Args:
        visitor: Who sees it.
        service: The service.
        look: Returns what to replace, the same as before if nothing has changed; None if nothing
            will change anymore.
        interval: Seconds between looks.
    """
    shown = b""
    while await is_still(visitor, service):
        html = await look()
        if html is None:
            yield ServerSentEvent(event="end", raw_data="")
            return
        digest = hashlib.sha256(html.encode()).digest()
        if digest != shown:
            shown = digest
            yield ServerSentEvent(raw_data=html)
        await asyncio.sleep(interval)

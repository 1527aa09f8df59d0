"""The open websockets: bounded for each user, and closed when the user's token is revoked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tornado import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.server.gateway.identity import Identity

_log = logging.getLogger(__name__)

FORBIDDEN = 1008
"""RFC 6455, 7.4.1: the message violates a policy."""


class Websockets:
    """All open websockets.

    Args:
        each_user: The most that one user can have open.
        total: The most that all users can have open.
    """

    def __init__(self, each_user: int, total: int) -> None:
        self._each_user = each_user
        self._total = total
        self._open: dict[Any, Identity] = {}  # Any: handlers of tornado

    def __len__(self) -> int:
        return len(self._open)

    def add(self, websocket: Any, identity: Identity) -> None:
        """Count one more.

        Raises:
            HTTPError: There are too many.
        """
        own = sum(each.name == identity.name for each in self._open.values())
        if own >= self._each_user:
            raise web.HTTPError(
                429,
                f"The user {identity.name} has {own} connections to kernels open, the most "
                "that are allowed. Close notebooks that are no longer needed.",
            )
        if len(self._open) >= self._total:
            raise web.HTTPError(503, "All connections of this service are in use. Try again later.")
        self._open[websocket] = identity

    def remove(self, websocket: Any) -> None:
        """A websocket was closed, or not opened."""
        self._open.pop(websocket, None)

    async def close_invalid(self, is_valid: Callable[[Identity], Awaitable[bool]]) -> None:
        """Close those whose users' tokens were revoked."""
        for websocket, identity in list(self._open.items()):
            if not await is_valid(identity):
                _log.info("a websocket of %s is closed: the token was revoked", identity.name)
                websocket.close(FORBIDDEN, "the token was revoked")

    def close_all(self, code: int, reason: str) -> None:
        """Close all; clients that can connect again do."""
        for websocket in list(self._open):
            websocket.close(code, reason)

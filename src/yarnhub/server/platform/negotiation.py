"""Programs that prove with Kerberos tickets who their users are: HTTP's Negotiate (SPNEGO).

Browsers do not: one that has a ticket sends it for a page of anybody without asking its user.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.security.auth_to_local import RULES, local_name
from yarnhub.server.platform.viewers import UnknownUserError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.security.acceptor import TicketAcceptor
    from yarnhub.server.platform.viewers import Identity, Viewers

_log = logging.getLogger(__name__)

_OF_BROWSERS = ("Accept-Language", "Cookie", "Origin", "Referer", "Sec-Fetch-Site")
"""Headers of browsers. A page can leave out all but the first, in requests without HTTPS."""
_CHALLENGE = "Negotiate"
_ANSWER = "yarnhub.negotiation"
"""The item of a scope with what the response has to say."""


class Negotiation:
    """Looks up users by the tickets in their requests.

    Args:
        acceptor: Accepts the tickets.
        properties: The Hadoop configuration, which has the rules for names.
        viewers: Looks up users.
    """

    def __init__(self, acceptor: TicketAcceptor, properties: Properties, viewers: Viewers) -> None:
        self._acceptor = acceptor
        self._properties = properties
        self._viewers = viewers

    async def identity(self, request: Request) -> Identity | None:
        """The user of a request; None if it has no valid ticket, or is a browser's.

        Raises:
            UnknownUserError: The ticket's owner is not a user of the hub.
            HubUnavailableError: It is not known.
            DeniedUserError: The user cannot use the service.
            InvalidUserError: The name is not valid for a user of the cluster.
        """
        if any(name in request.headers for name in _OF_BROWSERS):
            return None
        request.scope[_ANSWER] = _CHALLENGE
        header = request.headers.get("Authorization", "")
        if not header.lower().startswith(f"{_CHALLENGE.lower()} "):
            return None
        accepted = await asyncio.to_thread(self._acceptor.accept, header)  # it writes a file
        if accepted is None:
            return None
        principal, request.scope[_ANSWER] = accepted
        return await self._viewers.of_ticket(self._name(principal))

    def _name(self, principal: str) -> str:
        try:
            return local_name(principal, self._properties)
        except ConfigurationError as error:
            _log.warning("%s is refused: %s", principal, error)
            raise UnknownUserError(f"{principal} has no name on the cluster ({RULES})") from error


class Negotiated:
    """An ASGI application that asks for tickets, and proves itself to those who have sent one.

    It does so with errors, too: clients look at that first.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start" and (answer := scope.get(_ANSWER)):
                MutableHeaders(scope=message).append("WWW-Authenticate", answer)
            await send(message)

        await self._app(scope, receive, answered)

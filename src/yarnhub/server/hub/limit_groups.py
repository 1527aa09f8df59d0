"""The groups of users, for limits that administrators set while a service runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yarnhub.server.hub.login import MissingScopeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class LimitGroups:
    """Looks up the groups of users; they have none if the service may not read them.

    An administrator of limits may not know that the service lacks the scope: a limit of a group
    must not end the service for everybody. The log has it once.

    Args:
        look_up: Returns the groups of a user at the hub.
    """

    def __init__(self, look_up: Callable[[str], Awaitable[frozenset[str]]]) -> None:
        self._look_up = look_up
        self._is_missing = False

    async def of(self, name: str) -> frozenset[str]:
        """The groups of a user.

        Raises:
            HubUnavailableError: They are not known.
        """
        try:
            found = await self._look_up(name)
        except MissingScopeError as error:
            if not self._is_missing:
                _log.warning("the limits of groups do not apply: %s", error)
            self._is_missing = True
            return frozenset()
        self._is_missing = False
        return found

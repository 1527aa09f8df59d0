"""Running sessions that belong to no user of the hub, for example after its database was lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session

_log = logging.getLogger(__name__)


async def orphans(holder: Holder, claimed: Callable[[], Collection[str]]) -> list[Session]:
    """The running sessions that this hub started and that belong to no user.

    Args:
        holder: Finds all sessions of the hub.
        claimed: Returns the ids of the users' applications, and the identities of sessions that are
            starting.

    Raises:
        YarnhubError: YARN does not respond.
    """
    # Before the users' sessions are listed: a session that starts meanwhile is in that list.
    found = await holder.all()
    theirs = claimed()
    return [each for each in found if each.id not in theirs and each.identity not in theirs]


async def kill(sessions: Iterable[Session]) -> list[Session]:
    """Kill sessions; returns those that have ended. An error for one does not affect the others."""
    ended = []
    for session in sessions:
        try:
            await session.stop(now=True)
        except YarnhubError as error:
            _log.warning("%s may still be running: %s", session.id, error)
        else:
            ended.append(session)
    return ended

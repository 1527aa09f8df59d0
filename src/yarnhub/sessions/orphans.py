"""Sessions that run and belong to no user of the hub: after its database was lost, say."""

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
    """The sessions that this hub started, that run, and that belong to no user.

    Args:
        holder: Finds all sessions of the hub.
        claimed: Gives the ids of the applications that users have, and the identities of the
            sessions that are being started.

    Raises:
        YarnhubError: YARN does not respond.
    """
    # Before the users are looked at: what is started meanwhile belongs to one by then.
    found = await holder.all()
    theirs = claimed()
    return [each for each in found if each.id not in theirs and each.identity not in theirs]


async def end(sessions: Iterable[Session]) -> list[Session]:
    """End sessions; returns those that have ended. One that cannot be ended keeps no other one."""
    ended = []
    for session in sessions:
        try:
            await session.stop(now=True)
        except YarnhubError as error:
            _log.warning("%s may run on: %s", session.id, error)
        else:
            ended.append(session)
    return ended

"""The sessions that count for the limits of users, until their end is known."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.sessions.session import Session, SessionEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.base.background import BackgroundTasks
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.limits import Held

_log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two checks whether a session has ended whose stop has failed."""
_ANSWER = 10.0
"""Seconds for a check."""


class Counted(Protocol):
    """A session that counts."""

    @property
    def name(self) -> tuple[str, str]:
        """The name of its user, and its own."""

    @property
    def held(self) -> Held:
        """What its user holds with it."""

    def __hash__(self) -> int:
        """Of its identity."""


@dataclass(frozen=True, slots=True)
class _Unstopped:
    """A session whose stop has failed.

    Attributes:
        name: Its name: the next start of a session of this name ends it first.
        held: What its user holds with it.
    """

    name: tuple[str, str]
    held: Held


class CountedSessions:
    """The sessions of one hub that count.

    Args:
        tasks: Holds the tasks that wait for the end of sessions whose stop has failed.
        interval: Seconds between two of their checks.
    """

    def __init__(self, tasks: BackgroundTasks, *, interval: float = INTERVAL) -> None:
        self._tasks = tasks
        self._interval = interval
        self._counted: WeakSet[Counted] = WeakSet()
        self._unstopped: dict[str, _Unstopped] = {}

    def held(self, but: Counted) -> list[Held]:
        """What users hold, without a session that is about to be started, and its predecessors."""
        unstopped = [each.held for each in self._unstopped.values() if each.name != but.name]
        return [*(each.held for each in self._counted if each is not but), *unstopped]

    def add(self, session: Counted) -> None:
        """Count a session."""
        self._counted.add(session)

    def discard(self, session: Counted) -> None:
        """Count a session no longer."""
        self._counted.discard(session)

    def discard_once_ended(
        self, session: Counted, application: str, holder: Callable[[], Holder]
    ) -> None:
        """Count a session that may still run until its end is known.

        Args:
            session: The session; what counts is kept as it is now.
            application: The id of its application.
            holder: Returns the one that finds the application.
        """
        if session not in self._counted:
            return
        self._counted.discard(session)
        self._unstopped[application] = _Unstopped(session.name, session.held)
        _ = self._tasks.start(self._until_ended(application, holder), f"limits: {application}")

    async def _until_ended(self, application: str, holder: Callable[[], Holder]) -> None:
        while not await _has_ended(application, holder):
            await asyncio.sleep(self._interval)
        self._unstopped.pop(application, None)


async def _has_ended(application: str, holder: Callable[[], Holder]) -> bool:
    """Whether an application has ended; False if unknown."""
    found: Session | SessionEnd | None = None
    try:
        async with Deadline(_ANSWER, f"no response within {_ANSWER:g} s"):
            found = await holder().find(application)
            if isinstance(found, Session):
                found = await found.poll()
    except YarnhubError:
        return False
    except Exception:  # noqa: BLE001  # a fault of a check is no end
        _log.warning("cannot check whether %s has ended", application, exc_info=True)
        return False
    return isinstance(found, SessionEnd)

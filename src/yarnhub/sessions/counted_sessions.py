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
"""Seconds between two attempts to stop a session whose stop has failed."""
_ANSWER = 30.0
"""Seconds for an attempt."""
_AT_ONCE = 4
"""Attempts at the same time: many stops fail at once when YARN does not respond."""


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


@dataclass(slots=True)
class _Unstopped:
    """A session whose stop has failed.

    Attributes:
        name: Its name: the next start of a session of this name ends it first.
        held: What its user holds with it.
        asked: Whether it has been asked to end, with its grace period.
        refused: Whether an attempt has failed, which is logged once.
    """

    name: tuple[str, str]
    held: Held
    asked: bool = False
    refused: bool = False


class CountedSessions:
    """The sessions of one hub that count.

    Args:
        tasks: Holds the tasks that stop sessions whose stop has failed.
        interval: Seconds between two of their attempts.
    """

    def __init__(self, tasks: BackgroundTasks, *, interval: float = INTERVAL) -> None:
        self._tasks = tasks
        self._interval = interval
        self._at_once = asyncio.Semaphore(_AT_ONCE)
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
        """Stop a session whose stop has failed, again and again; it counts until it has ended.

        Args:
            session: The session; what counts is kept as it is now.
            application: The id of its application.
            holder: Returns the one that finds the application.
        """
        if session not in self._counted:
            return
        self._counted.discard(session)
        self._unstopped[application] = _Unstopped(session.name, session.held)
        _ = self._tasks.start(self._stop(application, holder), f"stop: {application}")

    async def _stop(self, application: str, holder: Callable[[], Holder]) -> None:
        session = self._unstopped[application]
        while not await self._is_stopped(application, holder, session):
            await asyncio.sleep(self._interval)
        self._unstopped.pop(application, None)

    async def _is_stopped(
        self, application: str, holder: Callable[[], Holder], session: _Unstopped
    ) -> bool:
        """Stop a session unless it has ended; whether it has, False if unknown."""
        try:
            async with self._at_once, Deadline(_ANSWER, f"no response within {_ANSWER:g} s"):
                found = await holder().find(application)
                if not isinstance(found, Session):
                    return isinstance(found, SessionEnd)
                if await found.poll() is None:
                    now, session.asked = session.asked, True
                    await found.stop(now=now)
                return await found.poll() is not None
        except Exception as error:  # noqa: BLE001  # a fault of an attempt is no end
            known = isinstance(error, YarnhubError)
            if not (known and session.refused):
                _log.warning("cannot stop %s: %s", application, error, exc_info=not known)
            session.refused = True
            return False

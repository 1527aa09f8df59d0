"""The latest changes of an application's keys, as numbered events."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.keys import weight
from yarnhub.control.messages import KeyEvent, KeyEvents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.control.messages import Entry, KeyRange, WatchKeys


class KeyHistory:
    """The latest events, for clients that request them later.

    When it is full, the oldest are dropped; a client that requests them too late is notified. All
    clients share one history, so clients need no memory here.

    Args:
        count: The maximum number of events.
        size: The maximum bytes of keys and values; the latest event is always kept.
    """

    def __init__(self, count: int = 10_000, size: int = 16 * 1024 * 1024) -> None:
        self._count = count
        self._size = size
        self._held = 0
        self._events: deque[KeyEvent] = deque()
        self.last = 0
        """The number of the latest event."""

    @property
    def start(self) -> int:
        """The number before the oldest kept event."""
        return self.last - len(self._events)

    def add(self, key: str, old: Entry | None, new: Entry | None) -> KeyEvent:
        """Record the change of a key."""
        self.last += 1
        owner = new.owner if new else old.owner if old else None
        value = new.value if new else None
        event = KeyEvent(number=self.last, key=key, value=value, owner=owner)
        self._events.append(event)
        self._held += weight(event.key, event.value)
        while len(self._events) > 1 and (
            len(self._events) > self._count or self._held > self._size
        ):
            oldest = self._events.popleft()
            self._held -= weight(oldest.key, oldest.value)
        return event

    def since(self, watch: WatchKeys) -> KeyEvents:
        """The events that a client requests, as far as they have happened."""
        if watch.after is None:
            return KeyEvents(events=(), last=self.last)
        # A number that is not reached yet comes from an earlier attempt of the application.
        missed = not self.start <= watch.after <= self.last
        # From the latest to the earliest, as a client usually has all but the latest.
        later = islice(reversed(self._events), None if missed else self.last - watch.after)
        found = [event for event in later if _concerns(watch, event)]
        return KeyEvents(events=tuple(reversed(found)), last=self.last, missed=missed)

    def news(self, watch: WatchKeys, events: Sequence[KeyEvent]) -> KeyEvents | None:
        """The newest events that a waiting client requests; None if none of them matches."""
        found = tuple(event for event in events if _concerns(watch, event))
        # Earlier events do not match, but a repeated request could not determine that.
        outdated = watch.after is not None and watch.after < self.start
        return KeyEvents(events=found, last=self.last) if found or outdated else None


def _concerns(watch: WatchKeys, event: KeyEvent) -> bool:
    """Whether an event matches a client's request."""
    return any(_contains(wanted, event.key) for wanted in watch.ranges)


def _contains(wanted: KeyRange, key: str) -> bool:
    if wanted.prefix is not None:
        return key.startswith(wanted.prefix)
    return (wanted.start or "") <= key and (wanted.end is None or key < wanted.end)

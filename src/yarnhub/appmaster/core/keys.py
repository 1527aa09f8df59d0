"""The key-value store of an application, and its latest events."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from yarnhub.control.messages import KeyEvent, KeyEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yarnhub.control.messages import Entry, KeyRange, WatchKeys


class KeyValueStore:
    """Keys in order, each with a value and optionally an owner, with which it is deleted."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._owned: dict[str, set[str]] = {}
        self.size = 0
        """Bytes of keys and values."""
        self._changes: list[tuple[str, Entry | None, Entry | None]] = []
        """Changed keys with their entries before and after, since the last `commit`."""

    def get(self, key: str) -> Entry | None:
        """The entry of a key, if it is set."""
        return self._entries.get(key)

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Set a key."""
        self._changes.append((entry.key, self.get(entry.key), entry))
        self._set(entry.key, entry)

    def delete(self, key: str) -> bool:
        """Delete a key; returns whether it was set."""
        entry = self.get(key)
        if entry is None:
            return False
        self._changes.append((key, entry, None))
        self._set(key, None)
        return True

    def commit(self) -> list[tuple[str, Entry | None, Entry | None]]:
        """Make the changes permanent; returns key, old and new entry for each, in order."""
        changes, self._changes = self._changes, []
        return changes

    def undo(self) -> None:
        """Undo all changes that were not committed."""
        for key, old, _ in reversed(self.commit()):
            self._set(key, old)

    def _set(self, key: str, entry: Entry | None) -> None:
        before = self._entries.get(key)
        if before is not None:
            self.size -= weight(key, before.value)
            if before.owner is not None:
                self._disown(key, before.owner)
        if entry is None:
            del self._entries[key]
            del self._order[bisect_left(self._order, key)]
            return
        if before is None:
            insort(self._order, key)
        self.size += weight(key, entry.value)
        if entry.owner is not None:
            self._owned.setdefault(entry.owner, set()).add(key)
        self._entries[key] = entry

    def _disown(self, key: str, owner: str) -> None:
        keys = self._owned[owner]
        keys.discard(key)
        if not keys:
            del self._owned[owner]

    def keys(self, wanted: KeyRange) -> tuple[str, ...]:
        """The keys in a range, in order."""
        start, end = wanted.start, wanted.end
        first = bisect_left(self._order, wanted.prefix or start or "")
        if wanted.prefix is not None:
            last = first
            while last < len(self._order) and self._order[last].startswith(wanted.prefix):
                last += 1
        else:
            last = len(self._order) if end is None else bisect_left(self._order, end)
        return tuple(self._order[first:last])

    def entries(self) -> Iterator[Entry]:
        """All entries, in key order."""
        return (self._entries[key] for key in self._order)

    def owned_by(self, owner: str) -> tuple[str, ...]:
        """The keys with this owner."""
        return tuple(sorted(self._owned.get(owner, ())))


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
        later = islice(self._events, 0 if missed else watch.after - self.start, None)
        found = tuple(event for event in later if concerns(watch, event))
        return KeyEvents(events=found, last=self.last, missed=missed)

    def news(self, watch: WatchKeys, events: Sequence[KeyEvent]) -> KeyEvents | None:
        """The newest events that a waiting client requests; None if none of them matches."""
        found = tuple(event for event in events if concerns(watch, event))
        # Earlier events do not match, but a repeated request could not determine that.
        outdated = watch.after is not None and watch.after < self.start
        return KeyEvents(events=found, last=self.last) if found or outdated else None


def concerns(watch: WatchKeys, event: KeyEvent) -> bool:
    """Whether an event matches a client's request."""
    return any(_contains(wanted, event.key) for wanted in watch.ranges)


def _contains(wanted: KeyRange, key: str) -> bool:
    if wanted.prefix is not None:
        return key.startswith(wanted.prefix)
    return (wanted.start or "") <= key and (wanted.end is None or key < wanted.end)


def weight(key: str, value: bytes | None) -> int:
    """Bytes of a key and its value."""
    return len(key) * (1 if key.isascii() else 4) + len(value or b"")

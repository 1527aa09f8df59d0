"""The key-value store of an application, and what happened to it."""

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
    """Keys in order, each with a value and perhaps an owner with whose end it is deleted."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._owned: dict[str, set[str]] = {}
        self.size = 0
        """Bytes of keys and values."""
        self._changes: list[tuple[str, Entry | None, Entry | None]] = []
        """Keys with what they had and have, since the last `commit`."""

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
        """Delete a key; says whether it was set."""
        entry = self.get(key)
        if entry is None:
            return False
        self._changes.append((key, entry, None))
        self._set(key, None)
        return True

    def commit(self) -> list[tuple[str, Entry | None, Entry | None]]:
        """What was changed, as key, old and new entry in order: it cannot be undone any more."""
        changes, self._changes = self._changes, []
        return changes

    def undo(self) -> None:
        """Take back all that was not committed."""
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
        """All that is set, in key order."""
        return (self._entries[key] for key in self._order)

    def owned_by(self, owner: str) -> tuple[str, ...]:
        """The keys that end with this owner."""
        return tuple(sorted(self._owned.get(owner, ())))


class KeyHistory:
    """The latest events, for clients that come back for what happened since.

    When it is full the oldest are dropped, whether or not somebody still wants them: who comes
    back too late is told so. One history serves all clients, so none of them costs memory.

    Args:
        count: How many events are kept at most.
        size: How many bytes of keys and values; the latest event is always kept.
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
        """The number before the oldest event that is kept."""
        return self.last - len(self._events)

    def add(self, key: str, old: Entry | None, new: Entry | None) -> KeyEvent:
        """A key was changed."""
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
        """What a client asks for, as far as it has happened."""
        if watch.after is None:
            return KeyEvents(events=(), last=self.last)
        # A number that is still to come is of an earlier attempt of the application.
        missed = not self.start <= watch.after <= self.last
        later = islice(self._events, 0 if missed else watch.after - self.start, None)
        found = tuple(event for event in later if concerns(watch, event))
        return KeyEvents(events=found, last=self.last, missed=missed)

    def news(self, watch: WatchKeys, events: Sequence[KeyEvent]) -> KeyEvents | None:
        """What of the newest events answers a client that waits; None if it waits on."""
        found = tuple(event for event in events if concerns(watch, event))
        # Nothing before these concerned it, but when it asks again that could not be told.
        outdated = watch.after is not None and watch.after < self.start
        return KeyEvents(events=found, last=self.last) if found or outdated else None


def concerns(watch: WatchKeys, event: KeyEvent) -> bool:
    """Whether a client asks for an event."""
    return any(_contains(wanted, event.key) for wanted in watch.ranges)


def _contains(wanted: KeyRange, key: str) -> bool:
    if wanted.prefix is not None:
        return key.startswith(wanted.prefix)
    return (wanted.start or "") <= key and (wanted.end is None or key < wanted.end)


def weight(key: str, value: bytes | None) -> int:
    """Bytes of a key and its value."""
    return len(key) * (1 if key.isascii() else 4) + len(value or b"")

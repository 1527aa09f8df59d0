"""The key-value store of an application."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.control.messages import Entry, KeyRange


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


def weight(key: str, value: bytes | None) -> int:
    """Bytes of a key and its value."""
    return len(key) * (1 if key.isascii() else 4) + len(value or b"")

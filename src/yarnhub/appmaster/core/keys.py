"""The key-value store of an application."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.control.messages import Entry, KeyRange


class KeyValueStore:
    """Keys in order, each with a value and perhaps an owner with whose end it is deleted."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []

    def get(self, key: str) -> Entry | None:
        """The entry of a key, if it is set."""
        return self._entries.get(key)

    def put(self, entry: Entry) -> None:
        """Set a key."""
        if entry.key not in self._entries:
            insort(self._order, entry.key)
        self._entries[entry.key] = entry

    def delete(self, key: str) -> bool:
        """Delete a key; says whether it was set."""
        if self._entries.pop(key, None) is None:
            return False
        del self._order[bisect_left(self._order, key)]
        return True

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

    def owned_by(self, owner: str) -> tuple[str, ...]:
        """The keys that end with this owner."""
        return tuple(key for key in self._order if self._entries[key].owner == owner)

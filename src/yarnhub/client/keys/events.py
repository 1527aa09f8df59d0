"""Events of the key-value store, and filters of them."""

from __future__ import annotations

from typing import NamedTuple

from yarnhub.base.names import Name
from yarnhub.client.keys.operations import ValueOwnerPair  # noqa: TC001  # a field's type
from yarnhub.control.messages import KeyRange

_SURROGATES = range(0xD800, 0xE000)
"""Code points that are not characters: no key contains them."""
_MAX_CODE_POINT = 0x10FFFF


class EventType(Name):
    """The type of an event; equal to its name."""

    ALL = "ALL"
    PUT = "PUT"
    DELETE = "DELETE"


class EventFilter:
    """A filter of events: of one key, of a prefix, of a range, or of all keys.

    Filters are compared by their range and their type.

    Args:
        key: The only key.
        prefix: The prefix of the keys.
        start: The first key.
        end: The end of the range, exclusive.
        event_type: `PUT`, `DELETE` or `ALL`, which is what None means.
    """

    __slots__ = ("_end", "_event_type", "_start")

    def __init__(
        self,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> None:
        given = {"key": key, "prefix": prefix, "start": start, "end": end}
        for name, each in given.items():
            if not isinstance(each, str | None):
                raise TypeError(f"{name} must be a str, not {type(each).__name__}")
        ranged = start is not None or end is not None
        if (key is not None) + (prefix is not None) + ranged > 1:
            raise ValueError("give a key, or a prefix, or a start and an end")
        if key is not None:
            start, end = key, key + "\0"
        elif prefix is not None:
            start, end = prefix, _after(prefix)
        self._start = start
        self._end = end
        self._event_type = EventType.ALL if event_type is None else EventType(event_type)

    @classmethod
    def of(
        cls,
        event_filter: EventFilter | None = None,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> EventFilter:
        """The given filter, or one created from the other arguments.

        Raises:
            TypeError: The filter is not an EventFilter.
            ValueError: Both are given.
        """
        if event_filter is None:
            return cls(key, prefix, start, end, event_type)
        if not isinstance(event_filter, EventFilter):
            raise TypeError("event_filter must be an EventFilter")
        if any(each is not None for each in (key, prefix, start, end, event_type)):
            raise ValueError("give either an event_filter or its parts")
        return event_filter

    @property
    def start(self) -> str | None:
        """The first key; None is the first of all."""
        return self._start

    @property
    def end(self) -> str | None:
        """The end of the range, exclusive; None for no end."""
        return self._end

    @property
    def event_type(self) -> EventType:
        """`PUT`, `DELETE` or `ALL`."""
        return self._event_type

    @property
    def range(self) -> KeyRange:
        """The keys."""
        return KeyRange(start=self._start, end=self._end)

    def takes(self, key: str, event_type: EventType) -> bool:
        """Whether an event matches."""
        return (
            self._event_type in (EventType.ALL, event_type)
            and (self._start or "") <= key
            and (self._end is None or key < self._end)
        )

    def _identity(self) -> tuple[str | None, str | None, EventType]:
        return self._start, self._end, self._event_type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventFilter) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __reduce__(self) -> tuple[object, ...]:
        return EventFilter, (None, None, *self._identity())

    def __repr__(self) -> str:
        return (
            f"EventFilter(start={self._start!r}, end={self._end!r}, "
            f"event_type={self._event_type!r})"
        )


class Event(NamedTuple):
    """A key was set or deleted.

    Attributes:
        key: The key.
        result: What it was set to; None if it was deleted.
        event_type: `PUT` or `DELETE`.
        event_filter: The filter that the event matched.
    """

    key: str
    result: ValueOwnerPair | None
    event_type: EventType
    event_filter: EventFilter


def _after(prefix: str) -> str | None:
    """The first text after all those with this prefix; None if there is none."""
    while prefix:
        following = ord(prefix[-1]) + 1
        if following in _SURROGATES:
            following = _SURROGATES.stop
        if following <= _MAX_CODE_POINT:
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None

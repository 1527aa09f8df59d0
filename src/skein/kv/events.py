"""Events: keys that were set or deleted."""

from __future__ import annotations

import asyncio
import enum
import queue
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from skein.exceptions import SkeinError
from skein.kv.operations import ValueOwnerPair
from yarnhub.control.messages import KeyRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from skein.application_client import ApplicationClient
    from yarnhub.control.messages import KeyEvent, KeyEvents

_PATIENCE = 25.0
"""Seconds that the application is asked to wait before it is asked again."""


class EventsMissedError(SkeinError):
    """Events came faster than this queue was read, and the application keeps only the latest.

    The next `get` goes on with what is still known.
    """


class EventType(enum.Enum):
    """What happened to a key; equal to its name, too."""

    ALL = "ALL"
    PUT = "PUT"
    DELETE = "DELETE"

    @classmethod
    def _missing_(cls, value: object) -> EventType | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.value == other.upper()
        return self is other

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class EventFilter:
    """Which events are of interest: of one key, of a prefix, or of a range; else of all keys.

    Attributes:
        key: The only key.
        prefix: What the keys begin with.
        start: The first key.
        end: The first key that is not in the range any more.
        event_type: `PUT`, `DELETE` or `ALL`, which is what None means.
    """

    key: str | None = None
    prefix: str | None = None
    start: str | None = None
    end: str | None = None
    event_type: EventType | str | None = EventType.ALL

    def __post_init__(self) -> None:
        ranged = self.start is not None or self.end is not None
        if (self.key is not None) + (self.prefix is not None) + ranged > 1:
            raise ValueError("give a key, or a prefix, or a start and an end")
        for name in ("key", "prefix", "start", "end"):
            if not isinstance(getattr(self, name), str | None):
                raise TypeError(f"{name} must be a str")
        kind = EventType.ALL if self.event_type is None else EventType(self.event_type)
        object.__setattr__(self, "event_type", kind)

    @property
    def range(self) -> KeyRange:
        """The keys."""
        if self.key is not None:
            return KeyRange(start=self.key, end=self.key + "\0")
        return KeyRange(start=self.start, end=self.end, prefix=self.prefix)

    def takes(self, event: KeyEvent) -> bool:
        """Whether an event is of interest."""
        if self.event_type not in (EventType.ALL, _type(event)):
            return False
        if self.key is not None:
            return event.key == self.key
        if self.prefix is not None:
            return event.key.startswith(self.prefix)
        return (self.start or "") <= event.key and (self.end is None or event.key < self.end)


class Event(NamedTuple):
    """A key was set or deleted.

    Attributes:
        key: The key.
        result: What it was set to; None if it was deleted.
        event_type: `PUT` or `DELETE`.
        event_filter: The filter that took the event.
    """

    key: str
    result: ValueOwnerPair | None
    event_type: EventType
    event_filter: EventFilter


class EventQueue:
    """The events that some filters take, in order; once for each filter.

    Made by `KeyValueStore.event_queue`. Nothing runs in the background: events wait in the
    application, which keeps the latest 10000 of all keys (16 MiB at most), until they are asked
    for. Whoever comes too late gets an `EventsMissedError`. Threads may share a queue: each event
    goes to one of them.
    """

    def __init__(self, client: ApplicationClient) -> None:
        self._client = client
        # All below is changed in the event loop's thread only.
        self._since: dict[EventFilter, int] = {}
        """The filters, with the number of the last event before each."""
        self._after = 0
        self._ready: deque[Event | EventsMissedError] = deque()
        self._polls: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        return f"EventQueue<{len(self._since)} filters>"

    def __iter__(self) -> Iterator[Event]:
        while True:
            yield self.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._since.clear()  # without the client, which may be closed by now

    @property
    def filters(self) -> frozenset[EventFilter]:
        """What it is subscribed to."""
        return frozenset(self._since)

    def subscribe(
        self,
        event_filter: EventFilter | None = None,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> EventFilter:
        """Take the events of a filter from now on; returns the filter.

        Args:
            event_filter: The filter; with it, nothing else may be given.
            key: The only key.
            prefix: What the keys begin with.
            start: The first key.
            end: The first key that is not in the range any more.
            event_type: `PUT` or `DELETE`; None takes both.
        """
        wanted = _filter(event_filter, key, prefix, start, end, event_type)
        self._client.call(self._subscribe, wanted)
        return wanted

    def unsubscribe(
        self,
        event_filter: EventFilter | None = None,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> None:
        """Take the events of a filter no longer; arguments as for `subscribe`.

        Raises:
            ValueError: It was not subscribed to.
        """
        wanted = _filter(event_filter, key, prefix, start, end, event_type)
        if wanted not in self._since:
            raise ValueError(f"not subscribed to {wanted!r}")
        self._client.call(self._unsubscribe, (wanted,))

    def unsubscribe_all(self) -> None:
        """Take no more events."""
        self._client.call(self._unsubscribe, tuple(self._since))

    def get(self, block: bool = True, timeout: float | None = None) -> Event:  # noqa: FBT001, FBT002  # as in queue.Queue
        """The next event.

        Args:
            block: Wait for one.
            timeout: Seconds to wait; None waits as long as the application runs.

        Raises:
            queue.Empty: There is none.
            EventsMissedError: There were some before it that are lost.
            ConnectionError: The application has ended.
        """
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        event = self._client.call(self._get, timeout if block else 0.0)
        if event is None:
            raise queue.Empty
        if isinstance(event, EventsMissedError):
            raise event
        return event

    def get_nowait(self) -> Event:
        """The next event, if there is one now."""
        return self.get(block=False)

    def put(self, item: Event, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002, FBT001, FBT002  # as in queue.Queue
        """Have `get` return something of your own; never has to wait."""
        self._client.call(self._put, item)

    def put_nowait(self, item: Event) -> None:
        """The same as `put`."""
        self.put(item)

    def qsize(self) -> int:
        """How many events are here already; there may be more in the application."""
        return len(self._ready)

    # --- on the event loop

    async def _subscribe(self, wanted: EventFilter) -> None:
        if wanted in self._since:
            return
        last = (await self._client.engine.watch(())).last
        if not self._since:
            self._after = last
        self._since[wanted] = last
        self._interrupt()

    async def _unsubscribe(self, filters: tuple[EventFilter, ...]) -> None:
        for each in filters:
            self._since.pop(each, None)
        self._interrupt()

    async def _put(self, item: Event) -> None:
        self._ready.append(item)
        self._interrupt()

    def _interrupt(self) -> None:
        """Have all who wait look again."""
        now = asyncio.get_running_loop().time()
        for poll in self._polls:
            poll.reschedule(now)

    async def _get(self, timeout: float | None) -> Event | EventsMissedError | None:  # noqa: ASYNC109  # the application waits, not we
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        while not self._ready:
            left = _PATIENCE if end is None else max(0.0, end - loop.time())
            await self._poll(min(left, _PATIENCE))
            if not (self._ready or left):
                return None
        return self._ready.popleft()

    async def _poll(self, patience: float) -> None:
        """Wait a while for events, or until something else is to be done."""
        after, ranges = self._after, self._ranges()
        found: KeyEvents | None = None
        poll = asyncio.timeout(None)
        try:
            async with poll:
                self._polls.add(poll)
                try:
                    if ranges:
                        found = await self._client.engine.watch(ranges, after, patience)
                    else:
                        await asyncio.sleep(patience)
                finally:
                    self._polls.discard(poll)
        except TimeoutError:
            if not poll.expired():  # it is the engine's own
                raise
        # Otherwise another thread was faster, or it was asked for what is not of interest now.
        if found is not None and (after, ranges) == (self._after, self._ranges()):
            self._take(found)

    def _ranges(self) -> tuple[KeyRange, ...]:
        return tuple(each.range for each in self._since)

    def _take(self, found: KeyEvents) -> None:
        self._after = found.last
        if found.missed:
            self._ready.append(
                EventsMissedError("events are lost: they came faster than they were read")
            )
        for event in found.events:
            result = None if event.value is None else ValueOwnerPair(event.value, event.owner)
            for each, since in self._since.items():
                if event.number > since and each.takes(event):
                    self._ready.append(Event(event.key, result, _type(event), each))


def _type(event: KeyEvent) -> EventType:
    return EventType.DELETE if event.value is None else EventType.PUT


def _filter(
    event_filter: EventFilter | None,
    key: str | None,
    prefix: str | None,
    start: str | None,
    end: str | None,
    event_type: EventType | str | None,
) -> EventFilter:
    if event_filter is None:
        return EventFilter(key, prefix, start, end, event_type)
    if not isinstance(event_filter, EventFilter):
        raise TypeError("event_filter must be an EventFilter")
    if any(each is not None for each in (key, prefix, start, end, event_type)):
        raise ValueError("give either an event_filter or what it is made of")
    return event_filter

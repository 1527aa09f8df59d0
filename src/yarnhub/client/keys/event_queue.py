"""Queues of events: keys that were set or deleted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from yarnhub.base.errors import ConnectError
from yarnhub.base.tasks import task_group
from yarnhub.client.errors import EventsMissedError
from yarnhub.client.keys.events import Event, EventFilter, EventType
from yarnhub.client.keys.operations import ValueOwnerPair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from typing import Self

    from yarnhub.control.messages import KeyEvents, KeyRange

_CAPACITY = 10_000
"""Unread events at which fetching pauses: the application keeps as many."""


class Watch(Protocol):
    """Requests the events of some keys: `Keys.watch`."""

    async def __call__(  # noqa: D102  # see the class
        self, ranges: Iterable[KeyRange], after: int | None = None
    ) -> KeyEvents: ...


class Taker:
    """A thread that waits for one item of a queue. A `Future` would take twice as long.

    Attributes:
        given: Locked until there is an item or an error.
        item: The item.
        error: The error that `EventQueue.get` would raise instead.
    """

    __slots__ = ("error", "given", "item")

    def __init__(self) -> None:
        self.given = threading.Lock()
        self.given.acquire()
        self.item: Any = None  # an event, or what a user put in
        self.error: Exception | None = None

    def wait(self, timeout: float | None) -> None:
        """Wait until there is an item or an error.

        Raises:
            TimeoutError: There was none in time.
        """
        if not self.given.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError


class EventQueue:
    """The events that match some filters, in order, once for each filter; an async iterator.

    Created by `Keys.events`. Events are fetched as they happen, until the application ends; earlier
    ones can still be read then. With 10000 unread events, fetching pauses; the application keeps
    the latest 10000 of all keys (16 MiB at most), and a reader that is too slow gets an
    `EventsMissedError`. Tasks may share a queue: each event goes to one of them.

    Args:
        watch: Sends the request to the application.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._since: dict[EventFilter, int] = {}
        """The filters, with the number of the last event before each."""
        self._items: deque[Any] = deque()  # events, errors, and what users put in
        self._after = 0
        self._takers: deque[Taker] = deque()
        self._end: Exception | None = None
        self._changed = asyncio.Event()
        """Set, and replaced by another, at each change."""
        self._poll: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def fetching(self) -> AsyncIterator[Self]:
        """Fetch events while the context is open."""
        async with task_group() as group:
            task = group.create_task(self._run(), name="events")
            yield self
            task.cancel()

    @property
    def filters(self) -> frozenset[EventFilter]:
        """The filters that the queue is subscribed to."""
        return frozenset(self._since.copy())

    def __len__(self) -> int:
        """The number of items that are fetched and unread."""
        return len(self._items)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self.get()

    async def subscribe(self, wanted: EventFilter) -> None:
        """Subscribe to the events of a filter, from now on."""
        if wanted in self._since:
            return
        last = (await self._watch(())).last
        if not self._since:
            self._after = last
        self._since[wanted] = last
        self._interrupt()

    def unsubscribe(self, filters: Iterable[EventFilter]) -> None:
        """Unsubscribe from some filters; unknown ones are ignored."""
        for each in filters:
            self._since.pop(each, None)
        self._interrupt()

    def put(self, item: object) -> None:
        """Make `get` return an item of the caller, or raise it if it is an error."""
        self._items.append(item)
        self._notify()

    async def get(self, *, deadline: float | None = None) -> Any:
        """The next item: an event, or an item of `put`. Cancelling loses nothing.

        An error from `put`, or one that stopped the fetching, is also raised by all later calls.

        Args:
            deadline: Seconds from now; None waits while the application runs.

        Raises:
            asyncio.QueueEmpty: There was none in time.
            EventsMissedError: Events before the next one are lost.
            YarnhubError: Fetching has stopped, for example because the application has ended.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while not (self._items or self._end):
                    await self._changed.wait()
        try:
            return self._take()
        finally:
            self._notify()

    def give(self, taker: Taker) -> None:
        """Give another thread the next item, or what `get` would raise, as soon as there is one."""
        self._takers.append(taker)
        self._notify()

    def withdraw(self, taker: Taker) -> None:
        """Keep the next item for others: the thread does not wait any more, or did not take it."""
        if taker in self._takers:
            self._takers.remove(taker)
        elif taker.error is None or isinstance(taker.error, EventsMissedError):
            self._items.appendleft(taker.error or taker.item)
            self._notify()

    def _take(self) -> Any:
        """The next item; see `get`."""
        if not self._items:
            raise asyncio.QueueEmpty if self._end is None else self._end
        item = self._items.popleft()
        if isinstance(item, EventsMissedError):
            raise item
        if isinstance(item, Exception):
            self._end = self._end or item
            raise item
        return item

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        # Last, as the threads that wake up also need Python's lock.
        while self._takers and (self._items or self._end):
            taker = self._takers.popleft()
            try:
                taker.item = self._take()
            except Exception as error:  # noqa: BLE001  # raised in the thread
                taker.error = error
            taker.given.release()

    def _interrupt(self) -> None:
        """Restart the fetching with the current filters."""
        poll, self._poll = self._poll, None  # a timeout is rescheduled once
        if poll is not None:
            poll.reschedule(asyncio.get_running_loop().time())
        self._notify()

    # --- fetching

    async def _run(self) -> None:
        try:
            while True:
                while not self._may_fetch():
                    await self._changed.wait()
                await self._fetch()
        except Exception as error:  # noqa: BLE001  # raised in `get`
            self._end = self._end or error
            self._notify()

    def _may_fetch(self) -> bool:
        return bool(self._since) and len(self._items) < _CAPACITY

    async def _fetch(self) -> None:
        ranges = tuple(each.range for each in self._since)
        found: KeyEvents | None = None
        poll = asyncio.timeout(None)
        try:
            async with poll:
                self._poll = poll
                found = await self._watch(ranges, self._after)
        except TimeoutError:
            if not poll.expired():  # it is the request's own
                raise
        except RuntimeError as error:  # of a closed client
            raise ConnectError("the client is closed") from error
        finally:
            current, self._poll = self._poll is poll, None
        # Otherwise the filters have changed: the next request uses the current ones.
        if found is not None and current:
            self._add(found)
            self._notify()
            await asyncio.sleep(0)  # the readers first: the next request takes as long as they do

    def _add(self, found: KeyEvents) -> None:
        self._after = found.last
        if found.missed:
            self._items.append(
                EventsMissedError("events are lost: they arrived faster than they were read")
            )
        for event in found.events:
            result = None if event.value is None else ValueOwnerPair(event.value, event.owner)
            kind = EventType.DELETE if event.value is None else EventType.PUT
            for each, since in self._since.items():
                if event.number > since and each.takes(event.key, kind):
                    self._items.append(Event(event.key, result, kind, each))

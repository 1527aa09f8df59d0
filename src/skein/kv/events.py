"""Queues of events: keys that were set or deleted."""

# ruff: noqa: FBT001, FBT002  # skein's signatures

from __future__ import annotations

import asyncio
import queue
from typing import TYPE_CHECKING

from skein.blocking import skeins_errors
from skein.exceptions import ApplicationError
from yarnhub.client import keys
from yarnhub.client.blocking.loop import KeptOpen
from yarnhub.client.keys import EventFilter
from yarnhub.client.keys.event_queue import Taker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from skein.blocking import BlockingApplication
    from yarnhub.client.keys import Event, EventType


class EventQueue:
    """The events that match some filters, in order; once for each filter.

    Created by `KeyValueStore.event_queue`. Events are fetched in the background until the queue is
    closed or garbage-collected, or the application ends; earlier events can still be read after
    that. At most 10000 unread events are fetched. The application keeps the latest 10000 events of
    all keys (at most 16 MiB); a queue that misses events raises an `EventsMissedError`. Threads may
    share a queue: each event is delivered to one of them.
    """

    def __init__(self, client: BlockingApplication) -> None:
        self._client = client
        self._events = events = keys.EventQueue(client.engine.keys.watch)
        with skeins_errors(ApplicationError):
            self._held = KeptOpen(self, events.fetching)

    def __repr__(self) -> str:
        return f"EventQueue<{len(self.filters)} filters>"

    def __iter__(self) -> Iterator[Event]:
        while True:
            yield self.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.unsubscribe_all()

    @property
    def filters(self) -> frozenset[EventFilter]:
        """The filters that it is subscribed to."""
        return self._events.filters

    def subscribe(
        self,
        event_filter: EventFilter | None = None,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> EventFilter:
        """Subscribe to the events of a filter; returns the filter.

        Args:
            event_filter: The filter, instead of the other arguments.
            key: The only key.
            prefix: The prefix of the keys.
            start: The first key.
            end: The first key after the range.
            event_type: `PUT` or `DELETE`; None for both.
        """
        wanted = EventFilter.of(event_filter, key, prefix, start, end, event_type)
        self._client.call(self._events.subscribe, wanted)
        return wanted

    def unsubscribe(
        self,
        event_filter: EventFilter | None = None,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> EventFilter:
        """Unsubscribe from a filter; arguments and result as of `subscribe`.

        Raises:
            ValueError: It was not subscribed to.
        """
        wanted = EventFilter.of(event_filter, key, prefix, start, end, event_type)
        if wanted not in self.filters:
            raise ValueError(f"not subscribed to {wanted!r}")
        self._call(self._events.unsubscribe, (wanted,))
        return wanted

    def unsubscribe_all(self) -> None:
        """Unsubscribe from all filters."""
        self._call(self._events.unsubscribe, self.filters)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # or what was put in
        """The next event.

        Args:
            block: Wait for one.
            timeout: Seconds to wait; None waits as long as the application runs.

        Raises:
            queue.Empty: There is none.
            EventsMissedError: Earlier events were lost.
            ConnectionError: The application has ended.
        """
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        try:
            return self._wait(timeout) if block else self._call(self._get_now)
        except (asyncio.QueueEmpty, TimeoutError) as error:
            raise queue.Empty from error

    async def _get_now(self) -> Any:
        return await self._events.get(deadline=0.0)

    def _wait(self, timeout: float | None) -> Any:
        """The next item, handed over from thread to thread: a call would take twice as long."""
        taker = Taker()
        with skeins_errors(ApplicationError):
            self._held.call_soon(self._events.give, taker)
            try:
                taker.wait(timeout)
            except BaseException:
                self._held.call(self._events.withdraw, taker)
                raise
            if taker.error is not None:
                raise taker.error
        return taker.item

    def get_nowait(self) -> Any:
        """The next event, if there is one now."""
        return self.get(block=False)

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  # as in queue.Queue
        """Add an item for `get` to return, or an error for it to raise; never blocks."""
        self._call(self._events.put, item)

    def put_nowait(self, item: object) -> None:
        """The same as `put`."""
        self.put(item)

    def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        with skeins_errors(ApplicationError):
            return self._held.call(function, *arguments)

    def qsize(self) -> int:
        """The number of fetched events; there may be more in the application."""
        return len(self._events)

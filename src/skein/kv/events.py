"""Queues of events: keys that were set or deleted."""

# ruff: noqa: FBT001, FBT002  # skein's signatures

from __future__ import annotations

import asyncio
import functools
import queue
from typing import TYPE_CHECKING

from skein.blocking import skeins_errors
from skein.exceptions import ApplicationError, SkeinError
from yarnhub.client import errors, keys
from yarnhub.client.blocking.loop import KeptOpen
from yarnhub.client.keys import EventFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Self

    from skein.application_client import ApplicationClient
    from yarnhub.client.keys import Event, EventType


class EventsMissedError(SkeinError):
    """Events came faster than this queue was read, and the application keeps only the latest.

    The next `get` goes on with what is still known.
    """


class EventQueue:
    """The events that some filters take, in order; once for each filter.

    Made by `KeyValueStore.event_queue`. Events are fetched as they happen, read or not,
    until the queue is left or collected, or the application ends: what came before can be read
    then, too. With 10000 of them unread no more are fetched; the application keeps the latest
    10000 of all keys (16 MiB at most), and a reader that comes too late for one gets an
    `EventsMissedError`. Threads may share a queue: each event goes to one of them.
    """

    def __init__(self, client: ApplicationClient) -> None:
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unsubscribe_all()

    @property
    def filters(self) -> frozenset[EventFilter]:
        """What it is subscribed to."""
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
        """Take the events of a filter from now on; returns the filter.

        Args:
            event_filter: The filter; with it, nothing else may be given.
            key: The only key.
            prefix: What the keys begin with.
            start: The first key.
            end: The first key that is not in the range any more.
            event_type: `PUT` or `DELETE`; None takes both.
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
        """Take the events of a filter no longer; arguments and result as of `subscribe`.

        Raises:
            ValueError: It was not subscribed to.
        """
        wanted = EventFilter.of(event_filter, key, prefix, start, end, event_type)
        if wanted not in self.filters:
            raise ValueError(f"not subscribed to {wanted!r}")
        self._call(self._events.unsubscribe, (wanted,))
        return wanted

    def unsubscribe_all(self) -> None:
        """Take no more events."""
        self._call(self._events.unsubscribe, self.filters)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # or what was put in
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
        get = functools.partial(self._events.get, deadline=timeout if block else 0.0)
        try:
            return self._call(get)
        except asyncio.QueueEmpty as error:
            raise queue.Empty from error

    def get_nowait(self) -> Any:
        """The next event, if there is one now."""
        return self.get(block=False)

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  # as in queue.Queue
        """Have `get` return something of your own, or raise an error; never has to wait."""
        self._call(self._events.put, item)

    def put_nowait(self, item: object) -> None:
        """The same as `put`."""
        self.put(item)

    def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        with skeins_errors(ApplicationError):
            try:
                return self._held.call(function, *arguments)
            except errors.EventsMissedError as error:
                raise EventsMissedError(str(error)) from error

    def qsize(self) -> int:
        """How many events are here already; there may be more in the application."""
        return len(self._events)

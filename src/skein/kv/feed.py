"""The events of an application on their way into a queue; all of this runs in the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections import deque
from typing import TYPE_CHECKING, Any

from skein.exceptions import ConnectionError, SkeinError  # noqa: A004  # skein's name
from skein.kv.filters import Event, EventFilter, EventType
from skein.kv.operations import ValueOwnerPair
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.client.application import ApplicationClient
    from yarnhub.control.messages import KeyEvents, KeyRange

_PATIENCE = 25.0
"""Seconds that the application is asked to wait before it is asked again."""
_ROOM = 10_000
"""Events here at which no more are fetched: the application keeps as many."""


class EventsMissedError(SkeinError):
    """Events came faster than this queue was read, and the application keeps only the latest.

    The next `get` goes on with what is still known.
    """


class Feed:
    """Fetches what some filters take, as it happens, until the application ends.

    Args:
        engine: The application.
    """

    def __init__(self, engine: ApplicationClient) -> None:
        self._engine = engine
        self.since: dict[EventFilter, int] = {}
        """The filters, with the number of the last event before each."""
        self.ready: deque[Any] = deque()  # events, errors, and what users put in
        self._after = 0
        self._end: Exception | None = None
        self._changed = asyncio.Condition()
        self._poll: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fetch as long as the context is open."""
        async with task_group() as group:
            fetching = group.create_task(self._run(), name="events")
            yield
            fetching.cancel()

    async def subscribe(self, wanted: EventFilter) -> None:
        """Take the events of a filter from now on."""
        if wanted in self.since:
            return
        last = (await self._engine.watch(())).last
        if not self.since:
            self._after = last
        self.since[wanted] = last
        await self._interrupt()

    async def unsubscribe(self, filters: tuple[EventFilter, ...]) -> None:
        """Take the events of some filters no longer."""
        for each in filters:
            self.since.pop(each, None)
        await self._interrupt()

    async def put(self, item: object) -> None:
        """Have `get` return, or raise, something of the user's own."""
        self.ready.append(item)
        await self._tell()

    async def get(self, timeout: float | None) -> Any:  # noqa: ASYNC109  # as in queue.Queue
        """The next item. An error stays the last one.

        Raises:
            queue.Empty: There is none in time.
            Exception: The fetching has ended, or somebody has put an error in.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self.ready or self._end)
        if not self.ready:
            raise queue.Empty if self._end is None else self._end
        item = self.ready.popleft()
        await self._tell()
        if isinstance(item, EventsMissedError):
            raise item
        if isinstance(item, Exception):
            self._end = self._end or item
            raise item
        return item

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _interrupt(self) -> None:
        """Have the fetching look again for what."""
        poll, self._poll = self._poll, None  # a timeout is rescheduled once
        if poll is not None:
            poll.reschedule(asyncio.get_running_loop().time())
        await self._tell()

    # --- fetching

    async def _run(self) -> None:
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(self._may_fetch)
                await self._fetch()
        except Exception as error:  # noqa: BLE001  # whoever reads the queue is told
            self._end = self._end or error
            await self._tell()

    def _may_fetch(self) -> bool:
        return bool(self.since) and len(self.ready) < _ROOM

    async def _fetch(self) -> None:
        after, ranges = self._after, self._ranges()
        found: KeyEvents | None = None
        poll = asyncio.timeout(None)
        try:
            async with poll:
                self._poll = poll
                found = await self._engine.watch(ranges, after, _PATIENCE)
        except TimeoutError:
            if not poll.expired():  # it is the engine's own
                raise
        except RuntimeError as error:  # of a closed client
            raise ConnectionError(f"{self._engine.id}: the client is closed") from error
        finally:
            self._poll = None
        # Otherwise it was asked for what is not of interest now: it will be asked for again.
        if found is not None and ranges == self._ranges():
            self._take(found)
            await self._tell()

    def _ranges(self) -> tuple[KeyRange, ...]:
        return tuple(each.range for each in self.since)

    def _take(self, found: KeyEvents) -> None:
        self._after = found.last
        if found.missed:
            self.ready.append(
                EventsMissedError("events are lost: they came faster than they were read")
            )
        for event in found.events:
            result = None if event.value is None else ValueOwnerPair(event.value, event.owner)
            kind = EventType.DELETE if event.value is None else EventType.PUT
            for each, since in self.since.items():
                if event.number > since and each.takes(event.key, kind):
                    self.ready.append(Event(event.key, result, kind, each))

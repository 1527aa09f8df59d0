"""The key-value store of a running application."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from yarnhub.client.keys.conditions import check_key
from yarnhub.client.keys.event_queue import EventQueue
from yarnhub.client.keys.operations import exists, get, put
from yarnhub.client.keys.transactions import Transaction, TransactionResult
from yarnhub.control import messages
from yarnhub.control.messages.request import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from yarnhub.client.keys.conditions import Condition
    from yarnhub.client.keys.events import EventFilter
    from yarnhub.client.keys.operations import Operation
    from yarnhub.control.messages import Entry, KeyEvents, KeyRange, Request

A = TypeVar("A")
T = TypeVar("T")


class SendRequest(Protocol):
    """Sends a request to an application: `ApplicationRequests.ask`."""

    async def __call__(self, request: Request[A]) -> A: ...  # noqa: D102  # see the class


class Keys:
    """Keys (text) with values (bytes), in order; shared by all processes of an application.

    Created by an application's client. Cancelling withdraws a waiting request; any other may have
    been executed.

    Args:
        ask: Sends a request to the application.
    """

    def __init__(self, ask: SendRequest) -> None:
        self._ask = ask

    # --- operations

    async def apply(self, operation: Operation[T]) -> T:
        """Apply an operation of `yarnhub.client.keys`; returns its result."""
        return operation.read(await self._ask(operation.request))

    async def transaction(
        self,
        conditions: Condition | Iterable[Condition] = (),
        on_success: Operation[Any] | Iterable[Operation[Any]] = (),
        on_failure: Operation[Any] | Iterable[Operation[Any]] = (),
    ) -> TransactionResult:
        """Execute all operations or none, without other requests in between.

        Args:
            conditions: The conditions.
            on_success: Applied if all conditions hold, or there are none.
            on_failure: Applied otherwise.

        Raises:
            ControlError: One of the operations was refused; nothing was changed.
        """
        transaction = Transaction.of(conditions, on_success, on_failure)
        return transaction.read(await self._ask(transaction.request))

    # --- one key

    async def get(self, key: str) -> Entry | None:
        """A key's value and owner; None if it is not set."""
        entries = (await self._ask(messages.GetKey(key=key))).entries
        return entries[0] if entries else None

    async def wait(self, key: str) -> Entry:
        """A key's value and owner, waiting until it is set.

        Waits while the application runs. Cancelling leaves nothing behind.
        """
        request = messages.WaitKey(key=check_key(key), timeout=WAIT_SECONDS)
        while True:
            entries = (await self._ask(request)).entries
            if entries:
                return entries[0]

    async def put(self, key: str, value: bytes, owner: str | None = None) -> None:
        """Set a key; with an owner, such as `worker_3`, it is deleted when that one ends."""
        await self._ask(messages.PutKey(key=key, value=value, owner=owner))

    async def set_default(self, key: str, value: bytes) -> bytes:
        """The value of a key, which is first set to this one if it is not set; atomic."""
        found = await self.transaction(exists(key), get(key), put(key, value))
        return found.results[0] if found.succeeded else value

    async def delete(self, key: str) -> bool:
        """Delete a key; returns whether it was set."""
        return bool((await self._ask(messages.DeleteKey(key=key))).keys)

    # --- many keys

    async def list_keys(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[str, ...]:
        """The keys from `start` up to but without `end`, or with a prefix, in order."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self._ask(messages.ListKeys(range=wanted))).keys

    async def get_range(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[Entry, ...]:
        """The entries in a range, in order."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self._ask(messages.GetKeys(range=wanted))).entries

    async def delete_range(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[str, ...]:
        """Delete the keys in a range; returns those that were set."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self._ask(messages.DeleteKeys(range=wanted))).keys

    # --- events

    @contextlib.asynccontextmanager
    async def events(self, *filters: EventFilter) -> AsyncIterator[EventQueue]:
        """A queue of the events that match some filters, from now on.

        Example::

            async with application.keys.events(EventFilter(prefix="workers/")) as events:
                async for event in events:
                    print(event.key, event.result)
        """
        async with EventQueue(self.watch).fetching() as queue:
            for each in filters:
                await queue.subscribe(each)
            yield queue

    async def watch(
        self, ranges: Iterable[KeyRange], after: int | None = None, patience: float | None = None
    ) -> KeyEvents:
        """The events of the keys in some ranges after a given event.

        Waits for the first if there is none yet. Cancelling loses nothing: repeat the request.

        Args:
            ranges: The keys.
            after: The number `last` of the previous answer; None requests only this number.
            patience: Seconds to wait, 25 at most and if None; then the answer is empty.
        """
        seconds = WAIT_SECONDS if patience is None else min(patience, WAIT_SECONDS)
        request = messages.WatchKeys(ranges=tuple(ranges), after=after, timeout=seconds)
        return await self._ask(request)

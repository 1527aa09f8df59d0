"""The key-value store of a running application."""

# ruff: noqa: FBT001, FBT002  # skein's signatures

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from skein.kv.events import EventQueue
from yarnhub.client import keys
from yarnhub.client.keys import NO_CHANGE, Transaction, Unchanged, ValueOwnerPair

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Iterable, Iterator

    from skein.blocking import BlockingApplication
    from yarnhub.client.keys import (
        Condition,
        EventFilter,
        EventType,
        Operation,
        TransactionResult,
    )

T = TypeVar("T")


class KeyValueStore(MutableMapping[str, bytes]):
    """Keys and their values, in the order of the keys; shared by all of an application.

    Available as `ApplicationClient.kv`. Every method sends a request to the application, so it may
    raise `skein.ConnectionError`. Methods execute the operation of the same name in `skein.kv` and
    return its result.
    """

    def __init__(self, client: BlockingApplication) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"KeyValueStore<{self._client.id}>"

    def __getitem__(self, key: str) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self.put(key, value)

    def __delitem__(self, key: str) -> None:
        if not self.discard(key):
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.list_keys())

    def __len__(self) -> int:
        return self.count()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.exists(key)

    # --- one key

    def exists(self, key: str) -> bool:
        """See `skein.kv.exists`."""
        return self._apply(keys.exists(key))

    def missing(self, key: str) -> bool:
        """See `skein.kv.missing`."""
        return self._apply(keys.missing(key))

    @overload  # type: ignore[override]  # a default is bytes, as in skein
    def get(
        self, key: str, default: None = None, return_owner: Literal[False] = False
    ) -> bytes | None: ...
    @overload
    def get(self, key: str, default: bytes, return_owner: Literal[False] = False) -> bytes: ...
    @overload
    def get(
        self, key: str, default: bytes | None = None, *, return_owner: Literal[True]
    ) -> ValueOwnerPair: ...
    def get(self, key: str, default: bytes | None = None, return_owner: bool = False) -> object:
        """See `skein.kv.get`."""
        return self._apply(keys.get(key, default, return_owner))

    @overload  # type: ignore[override]  # a missing key is None here, as in skein
    def pop(
        self, key: str, default: None = None, return_owner: Literal[False] = False
    ) -> bytes | None: ...
    @overload
    def pop(self, key: str, default: bytes, return_owner: Literal[False] = False) -> bytes: ...
    @overload
    def pop(
        self, key: str, default: bytes | None = None, *, return_owner: Literal[True]
    ) -> ValueOwnerPair: ...
    def pop(self, key: str, default: bytes | None = None, return_owner: bool = False) -> object:
        """See `skein.kv.pop`; no error if the key is not set."""
        return self._apply(keys.pop(key, default, return_owner))

    def discard(self, key: str) -> bool:
        """See `skein.kv.discard`."""
        return self._apply(keys.discard(key))

    def put(
        self,
        key: str,
        value: bytes | Unchanged = NO_CHANGE,
        owner: str | Unchanged | None = NO_CHANGE,
    ) -> None:
        """See `skein.kv.put`.

        Raises:
            TypeError: The value is not bytes.
            ValueError: There is no such container, or it has ended; or there is no value.
        """
        self._apply(keys.put(key, value, owner))

    @overload
    def swap(
        self,
        key: str,
        value: bytes | Unchanged = NO_CHANGE,
        owner: str | Unchanged | None = NO_CHANGE,
        return_owner: Literal[False] = False,
    ) -> bytes | None: ...
    @overload
    def swap(
        self,
        key: str,
        value: bytes | Unchanged = NO_CHANGE,
        owner: str | Unchanged | None = NO_CHANGE,
        *,
        return_owner: Literal[True],
    ) -> ValueOwnerPair: ...
    def swap(
        self,
        key: str,
        value: bytes | Unchanged = NO_CHANGE,
        owner: str | Unchanged | None = NO_CHANGE,
        return_owner: bool = False,
    ) -> object:
        """See `skein.kv.swap`; errors as those of `put`."""
        return self._apply(keys.swap(key, value, owner, return_owner))

    @overload
    def setdefault(self, key: str, default: bytes) -> bytes: ...
    @overload
    def setdefault(self, key: str, default: None = None) -> bytes: ...
    def setdefault(self, key: str, default: bytes | None = None) -> bytes:
        """The value of a key, atomically set to `default` if it is not set."""
        if not isinstance(default, bytes):
            raise TypeError(f"default must be bytes, not {type(default).__name__}")
        return self._client.call(self._client.engine.keys.set_default, key, default)

    @overload
    def wait(self, key: str, return_owner: Literal[False] = False) -> bytes: ...
    @overload
    def wait(self, key: str, return_owner: Literal[True]) -> ValueOwnerPair: ...
    def wait(self, key: str, return_owner: bool = False) -> bytes | ValueOwnerPair:
        """Wait for a key to be set, as long as the application runs; returns its value.

        Args:
            key: Which.
            return_owner: Return its owner, too.

        Raises:
            ConnectionError: The application has ended.
        """
        entry = self._client.call(self._client.engine.keys.wait, key)
        return ValueOwnerPair(entry.value, entry.owner) if return_owner else entry.value

    # --- many keys

    def count(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> int:
        """See `skein.kv.count`."""
        return self._apply(keys.count(start, end, prefix))

    def list_keys(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> list[str]:
        """See `skein.kv.list_keys`."""
        return self._apply(keys.list_keys(start, end, prefix))

    @overload
    def get_prefix(
        self, prefix: str, return_owner: Literal[False] = False
    ) -> OrderedDict[str, bytes]: ...
    @overload
    def get_prefix(
        self, prefix: str, return_owner: Literal[True]
    ) -> OrderedDict[str, ValueOwnerPair]: ...
    def get_prefix(self, prefix: str, return_owner: bool = False) -> object:
        """See `skein.kv.get_prefix`."""
        return self._apply(keys.get_prefix(prefix, return_owner))

    @overload
    def get_range(
        self, start: str | None = None, end: str | None = None, return_owner: Literal[False] = False
    ) -> OrderedDict[str, bytes]: ...
    @overload
    def get_range(
        self, start: str | None = None, end: str | None = None, *, return_owner: Literal[True]
    ) -> OrderedDict[str, ValueOwnerPair]: ...
    def get_range(
        self, start: str | None = None, end: str | None = None, return_owner: bool = False
    ) -> object:
        """See `skein.kv.get_range`."""
        return self._apply(keys.get_range(start, end, return_owner))

    @overload
    def pop_prefix(
        self, prefix: str, return_owner: Literal[False] = False
    ) -> OrderedDict[str, bytes]: ...
    @overload
    def pop_prefix(
        self, prefix: str, return_owner: Literal[True]
    ) -> OrderedDict[str, ValueOwnerPair]: ...
    def pop_prefix(self, prefix: str, return_owner: bool = False) -> object:
        """See `skein.kv.pop_prefix`."""
        return self._apply(keys.pop_prefix(prefix, return_owner))

    @overload
    def pop_range(
        self, start: str | None = None, end: str | None = None, return_owner: Literal[False] = False
    ) -> OrderedDict[str, bytes]: ...
    @overload
    def pop_range(
        self, start: str | None = None, end: str | None = None, *, return_owner: Literal[True]
    ) -> OrderedDict[str, ValueOwnerPair]: ...
    def pop_range(
        self, start: str | None = None, end: str | None = None, return_owner: bool = False
    ) -> object:
        """See `skein.kv.pop_range`."""
        return self._apply(keys.pop_range(start, end, return_owner))

    @overload
    def discard_prefix(self, prefix: str, return_keys: Literal[False] = False) -> int: ...
    @overload
    def discard_prefix(self, prefix: str, return_keys: Literal[True]) -> list[str]: ...
    def discard_prefix(self, prefix: str, return_keys: bool = False) -> object:
        """See `skein.kv.discard_prefix`."""
        return self._apply(keys.discard_prefix(prefix, return_keys))

    @overload
    def discard_range(
        self, start: str | None = None, end: str | None = None, return_keys: Literal[False] = False
    ) -> int: ...
    @overload
    def discard_range(
        self, start: str | None = None, end: str | None = None, *, return_keys: Literal[True]
    ) -> list[str]: ...
    def discard_range(
        self, start: str | None = None, end: str | None = None, return_keys: bool = False
    ) -> object:
        """See `skein.kv.discard_range`."""
        return self._apply(keys.discard_range(start, end, return_keys))

    def clear(self) -> None:
        """Delete all keys atomically."""
        self.discard_range()

    def update(self, *args: Any, **kwargs: bytes) -> None:  # a mapping's signatures are many
        """Set several keys atomically, from a mapping or pairs of key and value."""
        merged: dict[str, bytes] = dict(*args, **kwargs)
        self.transaction(on_success=[keys.put(key, value) for key, value in merged.items()])

    def to_dict(self) -> Mapping[str, bytes]:
        """All keys and values, read atomically."""
        return dict(self.get_range())

    # --- transactions and events

    def transaction(
        self,
        conditions: Condition | Iterable[Condition] = (),
        on_success: Operation[Any] | Iterable[Operation[Any]] = (),
        on_failure: Operation[Any] | Iterable[Operation[Any]] = (),
    ) -> TransactionResult:
        """Carry out operations, all or none, with no other requests in between.

        Args:
            conditions: The conditions to check.
            on_success: The operations if all conditions hold, or there are none.
            on_failure: The operations otherwise.

        Raises:
            ValueError: One of the operations is refused; nothing was changed.
        """
        transaction = Transaction.of(conditions, on_success, on_failure)
        return transaction.read(self._client.ask(transaction.request))

    def event_queue(self) -> EventQueue:
        """A queue without subscriptions."""
        return EventQueue(self._client)

    def events(
        self,
        event_filter: EventFilter | None = None,
        key: str | None = None,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        event_type: EventType | str | None = None,
    ) -> EventQueue:
        """A queue with one filter; arguments as for `EventQueue.subscribe`."""
        queue = self.event_queue()
        queue.subscribe(event_filter, key, prefix, start, end, event_type)
        return queue

    def _apply(self, operation: Operation[T]) -> T:
        return operation.read(self._client.ask(operation.request))

"""Operations on keys: alone they are methods of the store, together a transaction."""

# ruff: noqa: FBT001, FBT002  # skein's signatures

from __future__ import annotations

import enum
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from skein.kv.conditions import Condition, text_of
from yarnhub.control import messages
from yarnhub.control.messages import (
    DeleteKey,
    DeleteKeys,
    Entries,
    GetKey,
    GetKeys,
    KeyField,
    KeyRange,
    Keys,
    ListKeys,
    Operator,
    PutKey,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeGuard

T = TypeVar("T")


class Unchanged(enum.Enum):
    """The class of `NO_CHANGE`."""

    NO_CHANGE = "no change"


NO_CHANGE: Final = Unchanged.NO_CHANGE
"""In place of a value or an owner: it stays as it is."""


class ValueOwnerPair(NamedTuple):
    """A key's value, or the default in its place, and the container that owns the key, if any."""

    value: bytes | None
    owner: str | None


class Operation(Generic[T]):
    """What may be part of a transaction; `T` is what it results in.

    Args:
        text: It, as it is written.
        requests: It, as the application takes it; one after the other, at once.
        result: Makes the result of the first request's answer.
    """

    def __init__(
        self,
        text: str,
        requests: tuple[messages.Operation, ...],
        result: Callable[[Any], T],  # the class of the answer depends on the request
    ) -> None:
        self.requests = requests
        self.result = result
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _Presence(Operation[bool], Condition):
    """Whether a key is set: an operation and a condition."""

    def __init__(self, key: str, *, wanted: bool) -> None:
        text = f"{'exists' if wanted else 'missing'}({key!r})"
        operator = Operator.NOT_EQUAL if wanted else Operator.EQUAL
        message = messages.Condition(key=text_of(key), field=KeyField.VALUE, operator=operator)
        # The key alone: the value may be large.
        request = ListKeys(range=KeyRange(start=key, end=key + "\0"))
        Operation.__init__(self, text, (request,), lambda found: bool(found.keys) is wanted)
        Condition.__init__(self, message, text)


def is_operation(obj: object) -> TypeGuard[Operation[Any]]:
    """Whether this may be part of a transaction."""
    return isinstance(obj, Operation)


def count(
    start: str | None = None, end: str | None = None, prefix: str | None = None
) -> Operation[int]:
    """Count the keys from `start` up to but without `end`, or those that begin with `prefix`."""
    wanted, text = _range(start, end, prefix)
    return Operation(f"count({text})", (ListKeys(range=wanted),), _count)


def list_keys(
    start: str | None = None, end: str | None = None, prefix: str | None = None
) -> Operation[list[str]]:
    """List the keys from `start` up to but without `end`, or those that begin with `prefix`."""
    wanted, text = _range(start, end, prefix)
    return Operation(f"list_keys({text})", (ListKeys(range=wanted),), _keys)


def exists(key: str) -> _Presence:
    """See whether a key is set; a condition as well."""
    return _Presence(key, wanted=True)


def missing(key: str) -> _Presence:
    """See whether a key is not set; a condition as well."""
    return _Presence(key, wanted=False)


def get(key: str, default: object = None, return_owner: bool = False) -> Operation[Any]:
    """Get a key's value, or `default`; a `ValueOwnerPair` if asked for the owner."""
    request = GetKey(key=text_of(key))
    return Operation(f"get({key!r})", (request,), _value(default, owned=return_owner))


def get_prefix(prefix: str, return_owner: bool = False) -> Operation[Any]:
    """Get the keys that begin with `prefix`, with their values, in an `OrderedDict`."""
    wanted, text = _range(None, None, text_of(prefix))
    return Operation(f"get_prefix({text})", (GetKeys(range=wanted),), _items(owned=return_owner))


def get_range(
    start: str | None = None,
    end: str | None = None,
    return_owner: bool = False,
) -> Operation[Any]:
    """Get the keys from `start` up to but without `end`, with their values."""
    wanted, text = _range(start, end, None)
    return Operation(f"get_range({text})", (GetKeys(range=wanted),), _items(owned=return_owner))


def pop(key: str, default: object = None, return_owner: bool = False) -> Operation[Any]:
    """Delete a key; results in what `get` does."""
    requests = (GetKey(key=text_of(key)), DeleteKey(key=key))
    return Operation(f"pop({key!r})", requests, _value(default, owned=return_owner))


def pop_prefix(prefix: str, return_owner: bool = False) -> Operation[Any]:
    """Delete the keys that begin with `prefix`; results in what `get_prefix` does."""
    wanted, text = _range(None, None, text_of(prefix))
    requests = (GetKeys(range=wanted), DeleteKeys(range=wanted))
    return Operation(f"pop_prefix({text})", requests, _items(owned=return_owner))


def pop_range(
    start: str | None = None,
    end: str | None = None,
    return_owner: bool = False,
) -> Operation[Any]:
    """Delete the keys from `start` up to but without `end`; results in what `get_range` does."""
    wanted, text = _range(start, end, None)
    requests = (GetKeys(range=wanted), DeleteKeys(range=wanted))
    return Operation(f"pop_range({text})", requests, _items(owned=return_owner))


def discard(key: str) -> Operation[bool]:
    """Delete a key; results in whether it was set."""
    return Operation(f"discard({key!r})", (DeleteKey(key=text_of(key)),), lambda a: bool(a.keys))


def discard_prefix(prefix: str, return_keys: bool = False) -> Operation[Any]:
    """Delete the keys that begin with `prefix`; results in their number, or in the keys."""
    wanted, text = _range(None, None, text_of(prefix))
    result: Callable[[Keys], object] = _keys if return_keys else _count
    return Operation(f"discard_prefix({text})", (DeleteKeys(range=wanted),), result)


def discard_range(
    start: str | None = None,
    end: str | None = None,
    return_keys: bool = False,
) -> Operation[Any]:
    """Delete the keys from `start` up to but without `end`; results as `discard_prefix`."""
    wanted, text = _range(start, end, None)
    result: Callable[[Keys], object] = _keys if return_keys else _count
    return Operation(f"discard_range({text})", (DeleteKeys(range=wanted),), result)


def put(
    key: str,
    value: bytes | Unchanged = NO_CHANGE,
    owner: str | Unchanged | None = NO_CHANGE,
) -> Operation[None]:
    """Set a key.

    Args:
        key: Which.
        value: To what; left out, the value stays, and the key has to be set.
        owner: A container, such as `worker_3`, at whose end the key is deleted; None for none.
            Left out, the owner stays; a new key has none.
    """
    request = _put(key, value, owner)
    return Operation(f"put({key!r})", (request,), lambda _: None)


def swap(
    key: str,
    value: bytes | Unchanged = NO_CHANGE,
    owner: str | Unchanged | None = NO_CHANGE,
    return_owner: bool = False,
) -> Operation[Any]:
    """Set a key as `put` does; results in what `get` would have found before."""
    requests = (GetKey(key=text_of(key)), _put(key, value, owner))
    return Operation(f"swap({key!r})", requests, _value(None, owned=return_owner))


def _put(key: str, value: bytes | Unchanged, owner: str | Unchanged | None) -> PutKey:
    if value is NO_CHANGE and owner is NO_CHANGE:
        raise ValueError("give a value, an owner or both")
    if value is not NO_CHANGE and not isinstance(value, bytes):
        raise TypeError(f"value must be bytes, not {type(value).__name__}")
    if owner is not NO_CHANGE and not isinstance(owner, str | None):
        raise TypeError(f"owner must be a str or None, not {type(owner).__name__}")
    return PutKey(
        key=text_of(key),
        value=None if value is NO_CHANGE else value,
        owner=None if owner is NO_CHANGE else owner,
        keep_owner=owner is NO_CHANGE,
    )


def _range(start: str | None, end: str | None, prefix: str | None) -> tuple[KeyRange, str]:
    given = {"start": start, "end": end, "prefix": prefix}
    given = {name: key for name, key in given.items() if key is not None}
    for name, key in given.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} must be a str, not {type(key).__name__}")
    if "prefix" in given and len(given) > 1:
        raise ValueError("give either a prefix or a start and an end")
    return KeyRange(**given), ", ".join(f"{name}={key!r}" for name, key in given.items())


def _count(found: Keys) -> int:
    return len(found.keys)


def _keys(found: Keys) -> list[str]:
    return list(found.keys)


def _value(default: object, *, owned: bool) -> Callable[[Entries], object]:
    def result(found: Entries) -> object:
        for entry in found.entries:
            return ValueOwnerPair(entry.value, entry.owner) if owned else entry.value
        return ValueOwnerPair(default, None) if owned else default  # type: ignore[arg-type]  # the caller's default

    return result


def _items(*, owned: bool) -> Callable[[Entries], OrderedDict[str, Any]]:
    return lambda found: OrderedDict(
        (entry.key, ValueOwnerPair(entry.value, entry.owner) if owned else entry.value)
        for entry in found.entries
    )

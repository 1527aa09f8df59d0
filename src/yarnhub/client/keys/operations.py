"""Operations on one key, to be applied alone or in a transaction."""

# ruff: noqa: N801  # read as calls: `put("k", b"v")`

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from yarnhub.client.keys.conditions import Condition, check_container, check_key
from yarnhub.control import messages
from yarnhub.control.messages import (
    DeleteKey,
    Entries,
    GetKey,
    KeyField,
    KeyRange,
    Keys,
    ListKeys,
    Operator,
    PutKey,
)

if TYPE_CHECKING:
    from typing import TypeGuard

    from yarnhub.control.messages import Request

T_co = TypeVar("T_co", covariant=True)


class Unchanged(enum.Enum):
    """The class of `NO_CHANGE`."""

    NO_CHANGE = "no change"

    def __repr__(self) -> str:
        return "no_change"


NO_CHANGE: Final = Unchanged.NO_CHANGE
"""Instead of a value or an owner: keep it unchanged."""


class ValueOwnerPair(NamedTuple):
    """A key's value, or the default, and the container that owns the key, if any."""

    value: bytes | None
    owner: str | None


class Operation(ABC, Generic[T_co]):
    """An operation on keys; `T_co` is the type of its result."""

    _first: ClassVar[bool] = True
    """Whether `repr` shows the first argument without its name."""

    def __repr__(self) -> str:
        given = [(each.name, getattr(self, each.name)) for each in fields(self)]  # type: ignore[arg-type]  # each kind is a dataclass
        named = [f"{name}={each!r}" for name, each in given[self._first :]]
        first = [repr(given[0][1])] if self._first else []
        return f"{type(self).__name__}({', '.join(first + named)})"

    @property
    @abstractmethod
    def requests(self) -> tuple[messages.Operation, ...]:
        """The operation in the ApplicationMaster's protocol: one or more, carried out at once."""

    @abstractmethod
    def result(self, found: Any) -> T_co:  # the class of the answer depends on the request
        """The result, from the answer to the first of `requests`."""

    @property
    def request(self) -> Request[Any]:
        """The request that applies this operation alone."""
        requests = self.requests
        return requests[0] if len(requests) == 1 else messages.Transaction(on_success=requests)

    def read(self, answer: Any) -> T_co:  # of `request`, which is one of several classes
        """The result, from the answer to `request`."""
        return self.result(answer.results[0] if isinstance(answer, messages.Transacted) else answer)


def is_operation(obj: object) -> TypeGuard[Operation[Any]]:
    """Whether an object is an operation on keys."""
    return isinstance(obj, Operation)


@dataclass(frozen=True, repr=False)
class _Presence(Operation[bool], Condition):
    key: str

    _wanted: ClassVar[bool]

    def __post_init__(self) -> None:
        check_key(self.key)

    @property
    def message(self) -> messages.Condition:
        operator = Operator.NOT_EQUAL if self._wanted else Operator.EQUAL
        return messages.Condition(key=self.key, field=KeyField.VALUE, operator=operator)

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        # The key alone: the value may be large.
        return (ListKeys(range=KeyRange(start=self.key, end=self.key + "\0")),)

    def result(self, found: Keys) -> bool:
        return bool(found.keys) is self._wanted


@dataclass(frozen=True, repr=False)
class exists(_Presence):
    """Test whether a key is set; also a condition."""

    _wanted = True


@dataclass(frozen=True, repr=False)
class missing(_Presence):
    """Test whether a key is not set; also a condition."""

    _wanted = False


@dataclass(frozen=True, repr=False)
class _Get(Operation[Any]):
    key: str
    default: bytes | None = None
    return_owner: bool = False

    def __post_init__(self) -> None:
        check_key(self.key)
        check_flag("return_owner", self.return_owner)
        if not isinstance(self.default, bytes | None):
            raise TypeError(f"default must be bytes or None, not {type(self.default).__name__}")

    def result(self, found: Entries) -> bytes | ValueOwnerPair | None:
        return _value(found, self.default, owned=self.return_owner)


@dataclass(frozen=True, repr=False)
class get(_Get):
    """Get a key's value, or `default`; a `ValueOwnerPair` with `return_owner`."""

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (GetKey(key=self.key),)


@dataclass(frozen=True, repr=False)
class pop(_Get):
    """Delete a key; its result is that of `get`."""

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return GetKey(key=self.key), DeleteKey(key=self.key)


@dataclass(frozen=True, repr=False)
class discard(Operation[bool]):
    """Delete a key; its result is whether it was set."""

    key: str

    def __post_init__(self) -> None:
        check_key(self.key)

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (DeleteKey(key=self.key),)

    def result(self, found: Keys) -> bool:
        """Whether it was set."""
        return bool(found.keys)


@dataclass(frozen=True, repr=False)
class put(Operation[None]):
    """Set a key.

    Args:
        key: The key.
        value: The value; if omitted, the value is kept, and the key must be set.
        owner: A container, such as `worker_3`, at whose end the key is deleted; None for none. If
            omitted, the owner is kept; a new key has none.
    """

    key: str
    value: bytes | Unchanged = NO_CHANGE
    owner: str | Unchanged | None = NO_CHANGE

    def __post_init__(self) -> None:
        _check_put(self.key, self.value, self.owner)

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (_put(self.key, self.value, self.owner),)

    def result(self, found: object) -> None:
        """Nothing."""


@dataclass(frozen=True, repr=False)
class swap(Operation[Any]):
    """Set a key like `put`; its result is that of `get` before."""

    key: str
    value: bytes | Unchanged = NO_CHANGE
    owner: str | Unchanged | None = NO_CHANGE
    return_owner: bool = False

    def __post_init__(self) -> None:
        _check_put(self.key, self.value, self.owner)
        check_flag("return_owner", self.return_owner)

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return GetKey(key=self.key), _put(self.key, self.value, self.owner)

    def result(self, found: Entries) -> bytes | ValueOwnerPair | None:
        """The previous value."""
        return _value(found, None, owned=self.return_owner)


def _check_put(key: str, value: object, owner: object) -> None:
    check_key(key)
    if value is NO_CHANGE and owner is NO_CHANGE:
        raise ValueError("give a value, an owner, or both")
    if value is not NO_CHANGE and not isinstance(value, bytes):
        raise TypeError(f"value must be bytes, not {type(value).__name__}")
    if owner is not NO_CHANGE and owner is not None:
        check_container(owner, "owner")


def _put(key: str, value: bytes | Unchanged, owner: str | Unchanged | None) -> PutKey:
    return PutKey(
        key=key,
        value=None if value is NO_CHANGE else value,
        owner=None if owner is NO_CHANGE else owner,
        keep_owner=owner is NO_CHANGE,
    )


def _value(found: Entries, default: bytes | None, *, owned: bool) -> bytes | ValueOwnerPair | None:
    for entry in found.entries:
        return ValueOwnerPair(entry.value, entry.owner) if owned else entry.value
    return ValueOwnerPair(default, None) if owned else default


def check_flag(name: str, flag: object) -> None:
    """Refuse a value that is neither True nor False.

    Raises:
        TypeError: It is neither.
    """
    if not isinstance(flag, bool):
        raise TypeError(f"{name} must be True or False, not {flag!r}")

"""Operations on many keys."""

# ruff: noqa: N801  # read as calls: `count(prefix="a")`

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnhub.client.keys.conditions import check_key
from yarnhub.client.keys.operations import Operation, T_co, ValueOwnerPair, check_flag
from yarnhub.control.messages import DeleteKeys, Entries, GetKeys, KeyRange, Keys, ListKeys

if TYPE_CHECKING:
    from yarnhub.control import messages


@dataclass(frozen=True, repr=False)
class _Listing(Operation[T_co]):
    start: str | None = None
    end: str | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end", "prefix"):
            _check_bound(name, getattr(self, name))
        if self.prefix is not None and (self.start is not None or self.end is not None):
            raise ValueError("give either a prefix or a start and an end")

    def __repr__(self) -> str:
        given = f"start={self.start!r}, end={self.end!r}"
        if self.prefix is not None:
            given = f"prefix={self.prefix!r}"
        return f"{type(self).__name__}({given})"

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        return (ListKeys(range=KeyRange(start=self.start, end=self.end, prefix=self.prefix)),)


@dataclass(frozen=True, repr=False)
class count(_Listing[int]):
    """Count the keys from `start` up to but without `end`, or those that begin with `prefix`."""

    def result(self, found: Keys) -> int:
        """The number of keys."""
        return len(found.keys)


@dataclass(frozen=True, repr=False)
class list_keys(_Listing[list[str]]):
    """List the keys from `start` up to but without `end`, or those that begin with `prefix`."""

    def result(self, found: Keys) -> list[str]:
        """The keys, in order."""
        return list(found.keys)


@dataclass(frozen=True, repr=False)
class _Prefix(Operation[Any]):
    prefix: str
    return_owner: bool = False

    def __post_init__(self) -> None:
        check_key(self.prefix)
        check_flag("return_owner", self.return_owner)

    def result(self, found: Entries) -> OrderedDict[str, Any]:
        return _items(found, owned=self.return_owner)


@dataclass(frozen=True, repr=False)
class get_prefix(_Prefix):
    """Get the keys that begin with `prefix`, with their values, in an `OrderedDict`."""

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (GetKeys(range=KeyRange(prefix=self.prefix)),)


@dataclass(frozen=True, repr=False)
class pop_prefix(_Prefix):
    """Delete the keys that begin with `prefix`; the result is that of `get_prefix`."""

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        wanted = KeyRange(prefix=self.prefix)
        return GetKeys(range=wanted), DeleteKeys(range=wanted)


@dataclass(frozen=True, repr=False)
class _Range(Operation[Any]):
    start: str | None = None
    end: str | None = None
    return_owner: bool = False

    _first = False

    def __post_init__(self) -> None:
        _check_bound("start", self.start)
        _check_bound("end", self.end)
        check_flag("return_owner", self.return_owner)

    def result(self, found: Entries) -> OrderedDict[str, Any]:
        return _items(found, owned=self.return_owner)


@dataclass(frozen=True, repr=False)
class get_range(_Range):
    """Get the keys from `start` up to but without `end`, with their values."""

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (GetKeys(range=KeyRange(start=self.start, end=self.end)),)


@dataclass(frozen=True, repr=False)
class pop_range(_Range):
    """Delete the keys from `start` up to but without `end`; the result is that of `get_range`."""

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        wanted = KeyRange(start=self.start, end=self.end)
        return GetKeys(range=wanted), DeleteKeys(range=wanted)


@dataclass(frozen=True, repr=False)
class discard_prefix(Operation[Any]):
    """Delete the keys that begin with `prefix`; the result is their number, or the keys."""

    prefix: str
    return_keys: bool = False

    def __post_init__(self) -> None:
        check_key(self.prefix)
        check_flag("return_keys", self.return_keys)

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (DeleteKeys(range=KeyRange(prefix=self.prefix)),)

    def result(self, found: Keys) -> int | list[str]:
        """Their number, or the keys."""
        return list(found.keys) if self.return_keys else len(found.keys)


@dataclass(frozen=True, repr=False)
class discard_range(Operation[Any]):
    """Delete the keys from `start` up to but without `end`; the result: see `discard_prefix`."""

    start: str | None = None
    end: str | None = None
    return_keys: bool = False

    _first = False

    def __post_init__(self) -> None:
        _check_bound("start", self.start)
        _check_bound("end", self.end)
        check_flag("return_keys", self.return_keys)

    @property
    def requests(self) -> tuple[messages.Operation, ...]:
        """See `Operation.requests`."""
        return (DeleteKeys(range=KeyRange(start=self.start, end=self.end)),)

    def result(self, found: Keys) -> int | list[str]:
        """Their number, or the keys."""
        return list(found.keys) if self.return_keys else len(found.keys)


def _check_bound(name: str, key: object) -> None:
    if not isinstance(key, str | None):
        raise TypeError(f"{name} must be a str, not {type(key).__name__}")


def _items(found: Entries, *, owned: bool) -> OrderedDict[str, Any]:
    return OrderedDict(
        (entry.key, ValueOwnerPair(entry.value, entry.owner) if owned else entry.value)
        for entry in found.entries
    )

"""Requests to the key-value store."""

from __future__ import annotations

from dataclasses import dataclass, field

from yarnhub.control.messages.request import Nothing, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key's value, and the container that owns it, if any."""

    key: str
    value: bytes
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Keys with their values, in key order."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Keys, in order."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """Keys from `start` up to but without `end`; or those that begin with `prefix`."""

    start: str | None = None
    end: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKeys(Request[Entries]):
    """Get the entries in a range."""

    answer = Entries
    reads = True
    idempotent = True
    range: KeyRange = field(default_factory=KeyRange)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKeys(Request[Keys]):
    """Get the keys in a range, without their values."""

    answer = Keys
    reads = True
    idempotent = True
    range: KeyRange = field(default_factory=KeyRange)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKey(Request[Entries]):
    """Get one key; the answer has no entry if it is not set."""

    answer = Entries
    reads = True
    idempotent = True
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitKey(Request[Entries]):
    """Get one key when it is set; the answer has no entry after `timeout` seconds."""

    answer = Entries
    idempotent = True
    key: str
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PutKey(Request[Nothing]):
    """Set a key; with an owner the key is deleted when that container ends.

    A value of None keeps the existing value, and the key must be set then; `keep_owner` keeps the
    owner.
    """

    answer = Nothing
    key: str
    value: bytes | None = None
    owner: str | None = None
    keep_owner: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteKeys(Request[Keys]):
    """Delete the keys in a range; returns those that were set."""

    answer = Keys
    range: KeyRange


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteKey(Request[Keys]):
    """Delete one key; returns it if it was set."""

    answer = Keys
    key: str


Operation = GetKeys | ListKeys | GetKey | PutKey | DeleteKeys | DeleteKey
"""The operations of a transaction."""

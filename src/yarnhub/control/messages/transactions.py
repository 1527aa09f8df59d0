"""Several operations on keys at once, or none of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.control.messages.keys import (  # noqa: TC001  # read by control.json
    Entries,
    Keys,
    Operation,
)
from yarnhub.control.messages.request import Nothing, Request


class Operator(enum.Enum):
    """How a condition compares."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


class KeyField(enum.Enum):
    """The part of a key that a condition compares."""

    VALUE = "VALUE"
    """As unsigned bytes."""
    OWNER = "OWNER"
    """By service, then by instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Compares a key's value or owner with `value` or `owner`.

    For a key that is not set, both are None, which can only be compared for equality: any order
    with it is false.
    """

    key: str
    field: KeyField
    operator: Operator
    value: bytes | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transacted:
    """Whether all conditions held, and the answers of the executed operations."""

    succeeded: bool
    results: tuple[Nothing | Entries | Keys, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Request[Transacted]):
    """Execute `on_success` if all conditions hold, else `on_failure`: all of it or nothing."""

    answer = Transacted
    conditions: tuple[Condition, ...] = ()
    on_success: tuple[Operation, ...] = ()
    on_failure: tuple[Operation, ...] = ()

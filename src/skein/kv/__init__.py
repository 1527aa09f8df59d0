"""An application's key-value store: its operations, conditions and events, by skein's names."""

# ruff: noqa: E402  # another skein's `__init__` imports this package first: see `installation`

from __future__ import annotations

from skein import installation

installation.require_ours()

from skein.exceptions import EventsMissedError
from skein.kv.events import EventQueue
from skein.kv.store import KeyValueStore
from yarnhub.client.keys import (
    Condition,
    Event,
    EventFilter,
    EventType,
    Operation,
    TransactionResult,
    ValueOwnerPair,
    comparison,
    count,
    discard,
    discard_prefix,
    discard_range,
    exists,
    get,
    get_prefix,
    get_range,
    is_condition,
    is_operation,
    list_keys,
    missing,
    owner,
    pop,
    pop_prefix,
    pop_range,
    put,
    swap,
    value,
)

__all__ = [
    "Condition",
    "Event",
    "EventFilter",
    "EventQueue",
    "EventType",
    "EventsMissedError",
    "KeyValueStore",
    "Operation",
    "TransactionResult",
    "ValueOwnerPair",
    "comparison",
    "count",
    "discard",
    "discard_prefix",
    "discard_range",
    "exists",
    "get",
    "get_prefix",
    "get_range",
    "is_condition",
    "is_operation",
    "list_keys",
    "missing",
    "owner",
    "pop",
    "pop_prefix",
    "pop_range",
    "put",
    "swap",
    "value",
]


def __dir__() -> list[str]:
    return sorted(__all__)

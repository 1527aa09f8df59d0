"""An application's key-value store: its operations, conditions and events, by skein's names."""

from __future__ import annotations

from skein import installation
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

installation.warn_of_others()  # `skein/__init__.py` may be another's

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

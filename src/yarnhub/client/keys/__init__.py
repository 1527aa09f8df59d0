"""An application's key-value store: its operations, conditions and events.

`Keys` is the store. Operations such as `put("k", b"v")`, and conditions such as
`value("k") == b"v"`, are applied by it, alone or in a transaction::

    from yarnhub.client import keys

    await application.keys.apply(keys.pop_prefix("workers/"))
    await application.keys.transaction(keys.missing("k"), keys.put("k", b"v"))
"""

from yarnhub.client.keys.conditions import Condition, comparison, is_condition, owner, value
from yarnhub.client.keys.event_queue import EventQueue
from yarnhub.client.keys.events import Event, EventFilter, EventType
from yarnhub.client.keys.operations import (
    NO_CHANGE,
    Operation,
    Unchanged,
    ValueOwnerPair,
    discard,
    exists,
    get,
    is_operation,
    missing,
    pop,
    put,
    swap,
)
from yarnhub.client.keys.ranges import (
    count,
    discard_prefix,
    discard_range,
    get_prefix,
    get_range,
    list_keys,
    pop_prefix,
    pop_range,
)
from yarnhub.client.keys.store import Keys
from yarnhub.client.keys.transactions import Transaction, TransactionResult

__all__ = [
    "NO_CHANGE",
    "Condition",
    "Event",
    "EventFilter",
    "EventQueue",
    "EventType",
    "Keys",
    "Operation",
    "Transaction",
    "TransactionResult",
    "Unchanged",
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

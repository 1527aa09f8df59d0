"""Several operations on keys at once, or none of them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.instances import MAX_DIGITS
from yarnhub.appmaster.core.key_requests import answer_weight, check_length
from yarnhub.appmaster.core.requests import RefusedError
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    Condition,
    Entries,
    KeyField,
    Keys,
    Nothing,
    Operator,
    Request,
    Transacted,
    Transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.core.keys import KeyValueStore

_COMPARE = {
    Operator.LESS: operator.lt,
    Operator.LESS_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUAL: operator.ge,
}


class Transactions:
    """Executes transactions.

    Args:
        keys: The application's keys.
        operations: The function for each operation.
        budgets: The limits of the application.
    """

    def __init__(
        self,
        keys: KeyValueStore,
        operations: Mapping[type[Request[Any]], Callable[[Any], Nothing | Entries | Keys]],
        budgets: Budgets,
    ) -> None:
        self._keys = keys
        self._operations = operations
        self._budgets = budgets

    def carry_out(self, request: Transaction) -> Transacted:
        """Execute several operations, or none of them.

        Raises:
            RefusedError: One of them is refused; nothing was changed.
        """
        check_length(len(request.conditions), self._budgets)
        check_length(max(len(request.on_success), len(request.on_failure)), self._budgets)
        held = [self._holds(condition) for condition in request.conditions]
        succeeded = all(held)  # all are checked: errors must not depend on the others
        operations = request.on_success if succeeded else request.on_failure
        results: list[Nothing | Entries | Keys] = []
        size, most = 0, self._budgets.answer
        try:
            for operation in operations:
                results.append(self._operations[type(operation)](operation))
                size += answer_weight(results[-1])
                if size > most:
                    raise RefusedError(
                        FailureCode.FULL,
                        f"the answer has more than the {most} bytes that fit: ask for "
                        "fewer keys at once",
                    )
        except RefusedError:
            self._keys.undo()
            raise
        return Transacted(succeeded=succeeded, results=tuple(results))

    def _holds(self, condition: Condition) -> bool:
        entry = self._keys.get(condition.key)
        left: Any  # bytes, or the sort key of a container; None if not set
        right: Any
        if condition.field is KeyField.VALUE:
            left, right = entry.value if entry else None, condition.value
            misplaced = condition.owner is not None
        else:
            left, right = _by_number(entry.owner if entry else None), _by_number(condition.owner)
            misplaced = condition.value is not None
        if misplaced:
            raise RefusedError(FailureCode.INVALID, "a condition has either a value or an owner")
        match condition.operator:
            case Operator.EQUAL:
                return bool(left == right)
            case Operator.NOT_EQUAL:
                return bool(left != right)
            case _ if right is None:
                raise RefusedError(FailureCode.INVALID, "None is only equal or not")
            case _:
                return left is not None and bool(_COMPARE[condition.operator](left, right))


def _by_number(container_id: str | None) -> tuple[str, int, str] | None:
    """The sort key of a container: worker_9 comes before worker_10."""
    if container_id is None:
        return None
    name, _, number = container_id.rpartition("_")
    if not name or not (number.isascii() and number.isdecimal()) or len(number) > MAX_DIGITS:
        raise RefusedError(
            FailureCode.INVALID, f"'{container_id}' is not a container's id, like 'worker_0'"
        )
    return name, int(number), number

"""Transactions: several operations on keys at once, or none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from yarnhub.client.keys.conditions import Condition, is_condition
from yarnhub.client.keys.operations import Operation, is_operation
from yarnhub.control import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeGuard

    from yarnhub.control.messages import Transacted

T = TypeVar("T")


class TransactionResult(NamedTuple):
    """Whether all conditions of a transaction held, and the results of its operations."""

    succeeded: bool
    results: list[Any]  # each operation's own


@dataclass(frozen=True, slots=True)
class Transaction:
    """Operations of which all or none are executed, without other requests in between.

    Attributes:
        conditions: The conditions.
        on_success: Applied if all conditions hold, or there are none.
        on_failure: Applied otherwise.
    """

    conditions: tuple[Condition, ...] = ()
    on_success: tuple[Operation[Any], ...] = ()
    on_failure: tuple[Operation[Any], ...] = ()

    @classmethod
    def of(
        cls,
        conditions: Condition | Iterable[Condition] = (),
        on_success: Operation[Any] | Iterable[Operation[Any]] = (),
        on_failure: Operation[Any] | Iterable[Operation[Any]] = (),
    ) -> Transaction:
        """A transaction of single conditions and operations, or iterables of them.

        Raises:
            TypeError: One of them is neither.
        """
        return cls(
            _all("conditions must be Conditions", conditions, is_condition),
            _all("on_success must be Operations", on_success, is_operation),
            _all("on_failure must be Operations", on_failure, is_operation),
        )

    @property
    def request(self) -> messages.Transaction:
        """The request that executes it."""
        return messages.Transaction(
            conditions=tuple(each.message for each in self.conditions),
            on_success=tuple(one for each in self.on_success for one in each.requests),
            on_failure=tuple(one for each in self.on_failure for one in each.requests),
        )

    def read(self, answer: Transacted) -> TransactionResult:
        """The result, from the answer to `request`."""
        answers = iter(answer.results)
        results = []
        for operation in self.on_success if answer.succeeded else self.on_failure:
            own = [next(answers) for _ in operation.requests]
            results.append(operation.result(own[0]))
        return TransactionResult(answer.succeeded, results)


def _all(
    rule: str, given: T | Iterable[T], fits: Callable[[object], TypeGuard[T]]
) -> tuple[T, ...]:
    found = (given,) if fits(given) else tuple(given or ())  # type: ignore[arg-type]  # nothing that fits is iterable
    if not all(map(fits, found)):
        raise TypeError(f"{rule}, not {list(found)!r}")
    return found

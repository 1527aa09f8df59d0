"""Conditions of transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.control import messages
from yarnhub.control.messages import KeyField, Operator

if TYPE_CHECKING:
    from typing import TypeGuard


class Condition:
    """What may be among a transaction's conditions.

    Args:
        message: It, as the application takes it.
        text: It, as it is written.
    """

    def __init__(self, message: messages.Condition, text: str) -> None:
        self.message = message
        self._text = text

    def __repr__(self) -> str:
        return self._text


def is_condition(obj: object) -> TypeGuard[Condition]:
    """Whether this may be among a transaction's conditions."""
    return isinstance(obj, Condition)


def comparison(key: str, field: str, operator: str, rhs: bytes | str | None) -> Condition:
    """Compare a key's value or owner.

    A key that is not set equals no value, and an order with it does not hold.

    Args:
        key: Which.
        field: `value` or `owner`.
        operator: One of `==`, `!=`, `<`, `<=`, `>`, `>=`.
        rhs: Bytes for a value; for an owner a container's id, or None for no owner, which is
            only equal or not.
    """
    text_of(key)
    if field not in ("value", "owner"):
        raise ValueError("field must be either 'value' or 'owner'")
    if operator not in [each.value for each in Operator]:
        raise ValueError("operator must be one of ==, !=, <, <=, >, >=")
    value = owner = None
    if field == "value":
        if not isinstance(rhs, bytes):
            raise TypeError(f"rhs must be bytes, not {type(rhs).__name__}")
        value = rhs
    elif rhs is None:
        if operator not in ("==", "!="):
            raise TypeError(f"owner({key!r}) {operator} None: only == and != are possible")
    elif isinstance(rhs, str):
        owner = rhs
    else:
        raise TypeError(f"rhs must be a str or None, not {type(rhs).__name__}")
    message = messages.Condition(
        key=key,
        field=KeyField(field.upper()),
        operator=Operator(operator),
        value=value,
        owner=owner,
    )
    return Condition(message, f"{field}({key!r}) {operator} {rhs!r}")


class _Side:
    """The left side of a comparison."""

    __hash__ = None  # type: ignore[assignment]  # what compares into a condition has no hash

    def __init__(self, key: str) -> None:
        self.key = text_of(key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"

    def _compare(self, operator: str, rhs: object) -> Condition:
        return comparison(self.key, type(self).__name__, operator, rhs)  # type: ignore[arg-type]  # it is checked there

    def __eq__(self, rhs: object) -> Condition:  # type: ignore[override]  # a condition, not a bool
        return self._compare("==", rhs)

    def __ne__(self, rhs: object) -> Condition:  # type: ignore[override]  # a condition, not a bool
        return self._compare("!=", rhs)

    def __lt__(self, rhs: bytes | str) -> Condition:
        return self._compare("<", rhs)

    def __le__(self, rhs: bytes | str) -> Condition:
        return self._compare("<=", rhs)

    def __gt__(self, rhs: bytes | str) -> Condition:
        return self._compare(">", rhs)

    def __ge__(self, rhs: bytes | str) -> Condition:
        return self._compare(">=", rhs)


class value(_Side):  # noqa: N801  # skein's name
    """A key's value, to be compared with bytes: `value("k") == b"x"`."""


class owner(_Side):  # noqa: N801  # skein's name
    """A key's owner, to be compared with a container's id or None: `owner("k") == "worker_0"`."""


def text_of(key: object) -> str:
    """A key, if it is one.

    Raises:
        TypeError: It is no str.
    """
    if not isinstance(key, str):
        raise TypeError(f"key must be a str, not {type(key).__name__}")
    return key

"""Conditions of transactions."""

# ruff: noqa: N801  # read as words: `value("k") == b"x"`

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from yarnhub.control import messages
from yarnhub.control.messages import KeyField, Operator

if TYPE_CHECKING:
    from typing import TypeGuard


class Condition(ABC):
    """A condition of a transaction."""

    @property
    @abstractmethod
    def message(self) -> messages.Condition:
        """The condition in the ApplicationMaster's protocol."""


def is_condition(obj: object) -> TypeGuard[Condition]:
    """Whether an object is a condition of a transaction."""
    return isinstance(obj, Condition)


@dataclass(frozen=True, repr=False)
class comparison(Condition):
    """Compare a key's value or owner.

    A key that is not set equals no value, and an order with it does not hold.

    Args:
        key: The key.
        field: `value` or `owner`.
        operator: One of `==`, `!=`, `<`, `<=`, `>`, `>=`.
        rhs: Bytes for a value; for an owner a container's id, or None for no owner, which is
            only equal or not.
    """

    key: str
    field: str
    operator: str
    rhs: bytes | str | None

    def __post_init__(self) -> None:
        check_key(self.key)
        if self.field not in ("value", "owner"):
            raise ValueError("field must be either 'value' or 'owner'")
        if self.operator not in [each.value for each in Operator]:
            raise ValueError("operator must be one of ==, !=, <, <=, >, >=")
        if self.field == "value":
            if not isinstance(self.rhs, bytes):
                raise TypeError(f"rhs must be bytes, not {type(self.rhs).__name__}")
        elif self.rhs is not None:
            check_container(self.rhs, "rhs")
        elif self.operator not in ("==", "!="):
            raise TypeError(f"{self!r}: only == and != are possible")

    def __repr__(self) -> str:
        return f"{self.field}({self.key!r}) {self.operator} {self.rhs!r}"

    @property
    def message(self) -> messages.Condition:
        """The condition in the ApplicationMaster's protocol."""
        return messages.Condition(
            key=self.key,
            field=KeyField(self.field.upper()),
            operator=Operator(self.operator),
            value=self.rhs if isinstance(self.rhs, bytes) else None,
            owner=self.rhs if isinstance(self.rhs, str) else None,
        )


class _Field:
    """The left side of a comparison."""

    __hash__: ClassVar[None]  # type: ignore[assignment]  # what compares into a condition has no hash

    def __init__(self, key: str) -> None:
        self.key: str = check_key(key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"

    def _compare(self, operator: str, rhs: object) -> comparison:
        return comparison(self.key, type(self).__name__, operator, rhs)  # type: ignore[arg-type]  # it is checked there

    def __eq__(self, rhs: object) -> comparison:  # type: ignore[override]  # a condition, not a bool
        return self._compare("==", rhs)

    def __ne__(self, rhs: object) -> comparison:  # type: ignore[override]  # a condition, not a bool
        return self._compare("!=", rhs)

    def __lt__(self, rhs: bytes | str) -> comparison:
        return self._compare("<", rhs)

    def __le__(self, rhs: bytes | str) -> comparison:
        return self._compare("<=", rhs)

    def __gt__(self, rhs: bytes | str) -> comparison:
        return self._compare(">", rhs)

    def __ge__(self, rhs: bytes | str) -> comparison:
        return self._compare(">=", rhs)


class value(_Field):
    """A key's value, to be compared with bytes: `value("k") == b"x"`."""


class owner(_Field):
    """A key's owner, to be compared with a container's id or None: `owner("k") == "worker_0"`."""


def check_key(key: object) -> str:
    """Return a key unchanged.

    Raises:
        TypeError: It is not a str.
    """
    if not isinstance(key, str):
        raise TypeError(f"key must be a str, not {type(key).__name__}")
    return key


def check_container(name: object, where: str) -> str:
    """Return a container's id unchanged.

    Args:
        name: The id.
        where: The argument's name, for the message.

    Raises:
        TypeError: It is not a str.
        ValueError: It does not look like `worker_0`.
    """
    if not isinstance(name, str):
        raise TypeError(f"{where} must be a str or None, not {type(name).__name__}")
    service, _, number = name.rpartition("_")
    if not service or not (number.isascii() and number.isdecimal()):
        raise ValueError(f"{where}: {name!r} is not a container's id, like 'worker_0'")
    return name

"""Closed sets of names that users write in any case."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from yarnhub.base.foreign_text import quoted

if TYPE_CHECKING:
    from typing import Self


class _Names(enum.EnumType):
    def __call__(cls, value: object, *rest: Any, **named: Any) -> Any:  # what EnumType takes
        # A member of another set would be found by its name, which it equals.
        if isinstance(value, enum.Enum) and not isinstance(value, cls):
            raise TypeError(f"expected a {cls.__name__}, not a {type(value).__name__}")
        return super().__call__(value, *rest, **named)


class Name(enum.Enum, metaclass=_Names):
    """An enum whose members are found by, and compare equal to, their names in any case."""

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """The names of all members."""
        return tuple(cls.__members__)

    @classmethod
    def _missing_(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise TypeError(
                f"a {cls.__name__} is a name, like {cls.values()[0]!r}, not {type(value).__name__}"
            )
        if value.upper() not in cls.__members__:
            known = ", ".join(cls.values())
            raise ValueError(
                f"{quoted(value)} is not a valid {cls.__name__}; known values are {known}"
            )
        return cls.__members__[value.upper()]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, str) and self.name == other.upper())

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

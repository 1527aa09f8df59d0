"""The form for a limit: its fields as a limit, and its problems at its fields."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from yarnhub.base.units import MiB, format_memory, parse_memory
from yarnhub.server.platform.limit_documents import (
    MAX_COUNT,
    MAX_MEMORY,
    MAX_VCORES,
    LimitAmounts,
    LimitedKind,
)
from yarnhub.server.platform.limits import amounts_problem, name_problem
from yarnhub.sessions.limits import Scope, Whom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnhub.server.platform.limit_documents import ChangedLimit

_CHOOSE = "Choose one of the list."
_NOTHING = "Enter a number, memory or vcores: a field that is empty limits nothing."
_MAX_TEXT = 40
"""Characters of a number or an amount of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitForm:
    """The fields, as a browser sends them.

    Attributes:
        kind: What is limited.
        scope: Whom it is for.
        name: The name of the user or group.
        count: Their number.
        memory: The memory of all of them.
        vcores: The virtual cores of all of them.
        revision: The revision of the limit that is changed; empty for a new one.
    """

    kind: str = LimitedKind.SERVERS.value
    scope: str = Scope.EACH_USER.value
    name: str = ""
    count: str = ""
    memory: str = ""
    vcores: str = ""
    revision: str = ""

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> LimitForm:
        """The form that was sent; other fields are ignored."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value.strip() for key, value in sent.items() if key in known})

    @classmethod
    def from_document(cls, limit: ChangedLimit) -> LimitForm:
        """The form of a limit that is set."""

        def text(number: int | None) -> str:
            return "" if number is None else str(number)

        memory = limit.limit.memory
        return cls(
            kind=limit.kind.value,
            scope=limit.scope.value,
            name=limit.name,
            count=text(limit.limit.count),
            memory="" if memory is None else format_memory(MiB(memory)),
            vcores=text(limit.limit.vcores),
            revision=limit.revision,
        )

    @property
    def which(self) -> tuple[LimitedKind, Whom]:
        """The limit that it is for.

        Raises:
            ValueError: There is no such kind or scope.
        """
        return LimitedKind(self.kind), Whom(Scope(self.scope), self.name)

    @property
    def amounts(self) -> LimitAmounts:
        """The limit, of a form without problems.

        Raises:
            ValueError: A field has a problem.
        """
        return LimitAmounts(**{name: read(getattr(self, name)) for name, read in _READERS.items()})

    @property
    def address(self) -> str:
        """The query of the form for the same limit, as it is now."""
        return "?" + urlencode({"kind": self.kind, "scope": self.scope, "name": self.name})

    def problems(self) -> dict[str, str]:
        """What is wrong with fields, by their names."""
        found = {}
        if self.kind not in list(LimitedKind):
            found["kind"] = _CHOOSE
        if self.scope not in list(Scope):
            found["scope"] = _CHOOSE
        elif words := name_problem(Scope(self.scope), self.name):
            found["name"] = f"{words}."
        for name, read in _READERS.items():
            try:
                _ = read(getattr(self, name))
            except ValueError as error:
                found[name] = str(error)
        if not found:
            if not (self.count or self.memory or self.vcores):
                found["count"] = _NOTHING
            elif words := amounts_problem(LimitedKind(self.kind), self.amounts.limit):
                found["memory" if self.memory else "vcores"] = f"{words}."
        return found


def _number(text: str, most: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > _MAX_TEXT or int(text) > most:
        raise ValueError(f"Must be a whole number from 0 to {most:,}.")
    return int(text)


def _memory(text: str) -> int | None:
    if not text:
        return None
    try:
        found = int(parse_memory(text)) if len(text) <= _MAX_TEXT else MAX_MEMORY + 1
    except ValueError as error:
        raise ValueError("Must be an amount of memory, such as 64 GiB.") from error
    if found > MAX_MEMORY:
        raise ValueError(f"Must be at most {MAX_MEMORY:,} MiB.")
    return found


_READERS: dict[str, Callable[[str], int | None]] = {
    "count": partial(_number, most=MAX_COUNT),
    "memory": _memory,
    "vcores": partial(_number, most=MAX_VCORES),
}
"""The fields of a limit, each of which raises `ValueError` with its problem."""

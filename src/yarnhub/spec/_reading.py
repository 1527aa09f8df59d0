"""Checked reading and writing of documents.

A specification class names a *check* for each of its fields: a function that takes a value of a
constructor or a document and returns the value to store, or raises SpecError with a path relative
to the value. `Element` applies them, so that every object is valid.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, TypeVar

from yarnhub.base.errors import SpecError, SpecTypeError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import Seconds, parse_duration

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)
Check = Callable[[object], T]
Checks = Mapping[str, Check[object]]

_MAX_SHOWN = 60
"""Characters of a value that a message shows."""
INT32, INT64 = 2**31 - 1, 2**63 - 1


@contextmanager
def at(key: str) -> Iterator[None]:
    """Prepend `key` to the path of a SpecError of the block."""
    try:
        yield
    except SpecError as error:
        dot = "." if error.path and not error.path.startswith("[") else ""
        moved = type(error)(f"{key}{dot}{error.path}", error.reason)
        raise moved.with_traceback(error.__traceback__) from error.__cause__


def wrong(expected: str, value: object) -> SpecError:
    """An error with the expected and the found value, without long text, which may be a secret."""
    return SpecError("", _not(expected, value))


def wrong_type(expected: str, value: object, hint: str = "") -> SpecTypeError:
    """The same error for a value of the wrong type, with a hint."""
    return SpecTypeError("", f"{_not(expected, value)}{hint}")


def _not(expected: str, value: object) -> str:
    return f"must be {expected}, not {_shown(value)}"


def _shown(value: object) -> str:
    """A value if it is short and printable, otherwise its type."""
    found = "null" if value is None else type(value).__name__
    # Python does not convert larger numbers to text.
    if isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1 << 160):
        return repr(value) if len(str(value)) < _MAX_SHOWN else found
    return found


def unknown(what: str, name: str, known: Iterable[str]) -> SpecError:
    """Refuse a name and suggest the nearest known one, or all of them."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(name[:_MAX_SHOWN], names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names)}"
    return SpecError("", f"unknown {what} {quoted(name)}; {hint}")


def text(value: object) -> str:
    """Accept any text. YAML reads some unquoted words and all numbers as something else."""
    if not isinstance(value, str):
        quote = ": put the value in quotes" if isinstance(value, bool | int | float) else ""
        raise wrong_type("text", value, quote)
    if "\0" in value:
        raise SpecError("", "must not contain a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise SpecError("", f"is not Unicode at character {error.start}") from error
    return value


def matching(pattern: str, expected: str) -> Check[str]:
    """Accept text that matches as a whole; `expected` describes it."""

    def check(value: object) -> str:
        if not re.fullmatch(pattern, text(value)):
            raise wrong(expected, value)
        return text(value)

    return check


filled = matching(r"(?s).*\S.*", "text that is not empty")


def optional(check: Check[str]) -> Check[str]:
    """Also accept empty text."""
    return lambda value: "" if value == "" else check(value)


def flag(value: object) -> bool:
    """Accept a boolean."""
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def integer(minimum: int, maximum: int = INT32) -> Check[int]:
    """Accept a whole number between two bounds."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type("a whole number", value)
        if not minimum <= value <= maximum:
            bound = f"at least {minimum}" if value < minimum else f"at most {maximum}"
            raise wrong(bound, value)
        return value

    return check


def duration(minimum: float = 0) -> Check[Seconds]:
    """Accept a duration for `parse_duration`."""

    def check(value: object) -> Seconds:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise wrong("a duration", value)
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise SpecError("", str(error)) from error
        if seconds < minimum:
            raise wrong(f"at least {minimum:g} seconds", value)
        return seconds

    return check


def member(kind: type[E]) -> Check[E]:
    """Accept a member of an enum, or its name in any case."""

    def check(value: object) -> E:
        if isinstance(value, kind):
            return value
        names = {name.lower(): one for name, one in kind.__members__.items()}
        if text(value).lower() not in names:
            raise unknown("value", text(value), kind.__members__)
        return names[text(value).lower()]

    return check


def sequence(check: Check[T]) -> Check[tuple[T, ...]]:
    """Accept a list or set; text is not a list of characters."""

    def check_all(value: object) -> tuple[T, ...]:
        if not isinstance(value, list | tuple | set | frozenset):
            raise wrong_type("a list", value)
        kept = []
        for index, item in enumerate(value):
            with at(f"[{index}]"):
                kept.append(check(item))
        return tuple(kept)

    return check_all


def distinct(check: Check[T]) -> Check[frozenset[T]]:
    """Accept a list or set, without its order."""
    return lambda value: frozenset(sequence(check)(value))


def as_mapping(value: object) -> Mapping[str, object]:
    """Accept a mapping whose keys are text."""
    if not isinstance(value, Mapping):
        raise wrong_type("a mapping", value)
    for key in value:
        if not isinstance(key, str):
            raise SpecTypeError("", f"the key {_shown(key)} is not text: put it in quotes")
    return value


def mapping(name: Check[str], check: Check[T]) -> Check[Mapping[str, T]]:
    """Accept a mapping; `name` checks, and may change, its keys, and `check` its values."""

    def check_all(value: object) -> Mapping[str, T]:
        kept: dict[str, T] = {}
        for key, item in as_mapping(value).items():
            with at(key):
                if name(key) in kept:
                    raise SpecError("", f"{name(key)!r} is given twice")
                kept[name(key)] = check(item)
        return MappingProxyType(kept)

    return check_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A part of a specification: valid from construction, and one mapping of a document."""

    checks: ClassVar[Checks] = {}
    """The check of each field. A None that is the field's default is not checked."""
    shorthand: ClassVar[frozenset[str]] = frozenset()
    """Keys of a document that `_expand` rewrites."""
    beyond: ClassVar[frozenset[str]] = frozenset()
    """Keys that skein, or an older version of yarnhub, does not have: they are written only if they
    are set, so that both read all other documents."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                with at(field.name):
                    object.__setattr__(self, field.name, self.checks[field.name](value))
        self._check()

    def _check(self) -> None:
        """Check several fields together."""

    def __reduce__(self) -> tuple[object, ...]:
        # A MappingProxyType cannot be pickled: pass plain dictionaries to the constructor.
        values = ((name, getattr(self, name)) for name in self.checks)
        plain = {name: dict(v) if isinstance(v, Mapping) else v for name, v in values}
        return partial(type(self), **plain), ()

    @classmethod
    def read(cls, value: object) -> Self:
        """Accept an object of this class, and read anything else as a document."""
        return value if isinstance(value, cls) else cls.from_dict(value)

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Read a document. A null counts as if its key were absent.

        Raises:
            SpecError: It is invalid; the path is relative to this document.
        """
        document = as_mapping(cls._expand(data))
        known = cls.checks.keys() | cls.shorthand
        for key in document:
            if key not in known:
                raise unknown("key", key, known)
        given = {key: value for key, value in document.items() if value is not None}
        for field in fields(cls):
            required = field.default is MISSING and field.default_factory is MISSING
            if required and field.name not in given:
                raise SpecTypeError(field.name, "is required")
        return cls(**given)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a JSON document.

        Raises:
            SpecError: It is not JSON, or invalid.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecError("", f"not a JSON document: {error}") from error
        return cls.from_dict(document)

    @classmethod
    def _expand(cls, data: object) -> object:
        """Expand abbreviations of a document into the names of the fields."""
        return data

    def to_dict(self, *, secrets: bool = False) -> dict[str, object]:
        """Write the document that `from_dict` reads, with skein's defaults, without nulls.

        Args:
            secrets: Whether to write private keys. Otherwise a `security` with one is omitted as a
                whole.
        """
        return self._document(secrets=secrets, nulls=False)

    def _document(self, *, secrets: bool, nulls: bool) -> dict[str, object]:
        unsaid = {one.name for one in fields(self) if getattr(self, one.name) == one.default}
        written = {
            key: _plain(getattr(self, key), secrets, nulls)
            for key in self.checks
            if not (key in self.beyond and key in unsaid)
        }
        return {key: value for key, value in written.items() if nulls or value is not None}


def _plain(value: object, secrets: bool, nulls: bool) -> object:  # noqa: FBT001  # one recursion
    match value:
        case Element():  # None for a Security that is withheld
            return value._document(secrets=secrets, nulls=nulls) or None  # noqa: SLF001  # ours
        case Mapping():
            return {key: _plain(item, secrets, nulls) for key, item in value.items()}
        case set() | frozenset():
            return sorted(value)
        case list() | tuple():
            return list(value)
        case enum.Enum():
            return value.name
        case bytes():
            return value.decode("ascii")
        case _:
            return value

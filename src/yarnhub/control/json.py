"""Dataclasses to JSON and back, strictly by their annotations.

`str`, `int`, `float`, `bool`, enums (by value), `bytes` (as base64), `X | None`, `tuple[X, ...]`,
`tuple[X, Y]`, `dict[str, X]` or `Mapping[str, X]`, and nested dataclasses; one of several
dataclasses `X | Y` as `{"X": ...}`. Unknown keys and wrong types are errors: everything received
from a socket is checked here, once.
"""

from __future__ import annotations

import base64
import collections.abc
import dataclasses
import enum
import functools
import json
import math
import types
import typing
from typing import Any, Final, TypeVar

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import quoted

T = TypeVar("T")

OMIT_DEFAULT: Final = {"spare": True}
"""Metadata of a dataclass's field that is omitted from JSON if it has its default."""
_NEVER = object()


def dump(message: object) -> bytes:
    """The JSON form of a dataclass."""
    return json.dumps(_plain(message, type(message)), separators=(",", ":")).encode()


def load(cls: type[T], data: bytes) -> T:
    """Read the JSON form of a dataclass.

    Raises:
        RemoteProtocolError: It is not JSON, or does not fit the class.
    """
    try:
        plain = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"not a JSON document: {error}") from error
    return typing.cast("T", _typed(cls, plain, ""))  # _typed checks it against cls


def _plain(value: Any, hint: Any) -> Any:
    arms = _arms(hint)
    hint = arms[0]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        cls: Any = type(value)
        hints = _hints(cls)
        plain = {
            name: _plain(given, hints[name])
            for name, default in _fields(cls)
            if (given := getattr(value, name)) != default
        }
        return {cls.__name__: plain} if len(arms) > 1 else plain
    if isinstance(value, (tuple, list)):
        return [
            _plain(each, item) for each, item in zip(value, _items(hint, len(value)), strict=True)
        ]
    if isinstance(value, collections.abc.Mapping):
        item = typing.get_args(hint)[1]
        return {key: _plain(each, item) for key, each in value.items()}
    return value


@functools.cache
def _fields(cls: Any) -> tuple[tuple[str, Any], ...]:
    """The names of its fields, and the values with which they are omitted."""
    return tuple(
        (field.name, field.default if field.metadata == OMIT_DEFAULT else _NEVER)
        for field in dataclasses.fields(cls)
    )


@functools.cache
def _arms(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a hint, without None."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    arms = typing.get_args(hint) if union else (hint,)
    return tuple(arm for arm in arms if arm is not types.NoneType)


def _items(hint: Any, count: int) -> tuple[Any, ...]:
    """The hints of a tuple's items."""
    items = typing.get_args(hint)
    return items[:1] * count if len(items) < 2 or items[1] is Ellipsis else items


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _typed(hint: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed_union(hint, value, path)
    if origin is tuple:
        given = _expect(list, value, path)
        items = _items(hint, len(given))
        if len(items) != len(given):
            raise RemoteProtocolError(f"{path}: expected {len(items)} items, got {len(given)}")
        return tuple(
            _typed(item, each, f"{path}[{at}]")
            for at, (item, each) in enumerate(zip(items, given, strict=True))
        )
    if origin in (dict, collections.abc.Mapping):
        item = typing.get_args(hint)[1]
        entries = _expect(dict, value, path).items()
        return {
            _expect_text(key, path): _typed(item, each, f"{path}.{key[:100]}")
            for key, each in entries
        }
    if dataclasses.is_dataclass(hint):
        return _typed_dataclass(hint, _expect(dict, value, path), path)
    return _typed_scalar(hint, value, path)


def _typed_union(hint: Any, value: Any, path: str) -> Any:
    arms = _arms(hint)
    if types.NoneType in typing.get_args(hint) and value is None:
        return None
    if len(arms) == 1:
        return _typed(arms[0], value, path)
    named = {arm.__name__: arm for arm in arms}
    if len(entries := _expect(dict, value, path)) != 1 or not entries.keys() <= named.keys():
        raise RemoteProtocolError(f"{path}: expected one of {', '.join(named)}")
    ((name, inner),) = entries.items()
    return _typed(named[name], inner, f"{path}.{name}")


def _typed_dataclass(cls: Any, value: dict[str, Any], path: str) -> Any:
    hints = _hints(cls)
    unknown = sorted(value.keys() - hints.keys())
    if unknown:
        raise RemoteProtocolError(f"{path or cls.__name__}: unknown key {quoted(unknown[0])}")
    given = {key: _typed(hints[key], each, f"{path}.{key}") for key, each in value.items()}
    try:
        return cls(**given)
    except TypeError as error:
        raise RemoteProtocolError(f"{path or cls.__name__}: {error}") from error


def _typed_scalar(hint: Any, value: Any, path: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        try:
            return hint(value)
        except ValueError as error:
            raise RemoteProtocolError(f"{path}: {error}") from error
    if hint is bytes:
        try:
            return base64.b64decode(_expect(str, value, path), validate=True)
        except ValueError as error:  # binascii.Error is a ValueError; so is text that is not ASCII
            raise RemoteProtocolError(f"{path}: not base64") from error
    if hint is float:
        return _expect_finite(value, path)
    return _expect_text(value, path) if hint is str else _expect(hint, value, path)


def _expect_finite(value: Any, path: str) -> float:
    """JSON has no other numbers, but Python's parser accepts NaN, Infinity and 1e999."""
    try:
        number = float(value) if type(value) is int else float(_expect(float, value, path))
    except OverflowError as error:
        raise RemoteProtocolError(f"{path}: the number is too large") from error
    if not math.isfinite(number):
        raise RemoteProtocolError(f"{path}: {number} is not a number")
    return number


def _expect_text(value: Any, path: str) -> str:
    """Text that can be encoded: half of a surrogate pair has no UTF-8 form."""
    text = str(_expect(str, value, path))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RemoteProtocolError(f"{path}: not Unicode text") from error
    return text


def _expect(kind: Any, value: Any, path: str) -> Any:
    if type(value) is not kind:
        wanted, got = kind.__name__, type(value).__name__
        raise RemoteProtocolError(f"{path or 'the document'}: expected {wanted}, got {got}")
    return value

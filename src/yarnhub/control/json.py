"""Dataclasses to JSON and back, strictly by their annotations.

`str`, `int`, `float`, `bool`, enums (by value), `bytes` (as base64), `X | None`, `tuple[X, ...]`,
`tuple[X, Y]`, `dict[str, X]` or `Mapping[str, X]`, and nested dataclasses; one of several
dataclasses `X | Y` as `{"X": ...}`. Unknown keys and wrong types are errors: everything received
from a socket is checked here, once.
"""

from __future__ import annotations

import binascii
import collections.abc
import dataclasses
import enum
import functools
import json
import math
import types
import typing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[Any, str], Any]
    """Checks plain data and returns its value; the text is its path in the document."""

T = TypeVar("T")

OMIT_DEFAULT: Final = {"spare": True}
"""Metadata of a dataclass's field that is omitted from JSON if it has its default."""
_NEVER = object()
_UNCHECKED: frozenset[Any] = frozenset((int, bool, types.NoneType))
"""Types whose values are read as they are."""
_SCALARS = frozenset((str, int, float, bool, types.NoneType))
"""Types whose values are plain data as they are."""
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


def dump(message: object) -> bytes:
    """The JSON form of a dataclass."""
    return _encode(_plain(message, type(message))).encode()


def load(cls: type[T], data: bytes) -> T:
    """Read the JSON form of a dataclass.

    Raises:
        RemoteProtocolError: It is not JSON, or does not fit the class.
    """
    try:
        plain = _decode(data.decode() or "{}")
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"not a JSON document: {error}") from error
    message: T = _read_dataclass(cls, plain, "")
    return message


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@functools.cache
def _arms(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a hint, without None."""
    return tuple(arm for arm in _alternatives(hint) if arm is not types.NoneType)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


@functools.cache
def _repeated(hint: Any) -> Any:
    """The hint of all items of a tuple of any length; None for a tuple with one hint for each."""
    items = typing.get_args(hint)
    return items[0] if len(items) < 2 or items[1] is Ellipsis else None


# --- writing


def _plain(value: Any, hint: Any) -> Any:
    cls: Any = type(value)
    if cls in _SCALARS:
        return value
    fields = _fields(cls)
    if fields is not None:
        plain = {}
        for name, inner, default in fields:
            given = getattr(value, name)
            if default is _NEVER or given != default:
                plain[name] = given if type(given) in _SCALARS else _plain(given, inner)
        return {cls.__name__: plain} if len(_arms(hint)) > 1 else plain
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    if isinstance(value, enum.Enum):
        return value.value
    arms = _arms(hint)
    if isinstance(value, (tuple, list)):
        every = _repeated(arms[0])
        if every is not None:
            return [_plain(each, every) for each in value]
        return [_plain(*each) for each in zip(value, typing.get_args(arms[0]), strict=True)]
    if isinstance(value, collections.abc.Mapping):
        item = typing.get_args(arms[0])[1]
        return {key: _plain(each, item) for key, each in value.items()}
    return value


@functools.cache
def _fields(cls: Any) -> tuple[tuple[str, Any, Any], ...] | None:
    """The names of a dataclass's fields, their hints, and the values with which they are omitted.

    None for any other class.
    """
    hints = _hints(cls)
    if not dataclasses.is_dataclass(cls):
        return None
    return tuple(
        (field.name, hints[field.name], field.default if field.metadata == OMIT_DEFAULT else _NEVER)
        for field in dataclasses.fields(cls)
    )


# --- reading


@functools.cache
def _reader(hint: Any) -> Reader:
    """What reads values of a hint."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        reader = _union_reader(_arms(hint))
        optional = types.NoneType in arguments
        return functools.partial(_read_optional, reader) if optional else reader
    if origin is tuple:
        every = _repeated(hint)
        if every is not None:
            return functools.partial(_read_items, _reader(every))
        return functools.partial(_read_tuple, tuple(map(_reader, arguments)))
    if origin in (dict, collections.abc.Mapping):
        return functools.partial(_read_dict, _reader(arguments[1]))
    if dataclasses.is_dataclass(hint):
        return functools.partial(_read_dataclass, hint)
    if issubclass(hint, enum.Enum):
        return functools.partial(_read_enum, hint)
    special: dict[Any, Reader] = {bytes: _read_bytes, float: _read_float, str: _read_text}
    return special.get(hint, functools.partial(_expect, hint))


def _union_reader(arms: tuple[Any, ...]) -> Reader:
    if len(arms) == 1:
        return _reader(arms[0])
    return functools.partial(_read_one_of, {arm.__name__: arm for arm in arms})


def _read_optional(read: Reader, value: Any, path: str) -> Any:
    return None if value is None else read(value, path)


def _read_one_of(arms: dict[str, Any], value: Any, path: str) -> Any:
    if len(entries := _expect(dict, value, path)) != 1 or not entries.keys() <= arms.keys():
        raise RemoteProtocolError(f"{path}: expected one of {', '.join(arms)}")
    ((name, inner),) = entries.items()
    return _reader(arms[name])(inner, f"{path}.{name}")


def _read_items(read: Reader, value: Any, path: str) -> Any:
    given = _expect(list, value, path)
    return tuple([read(each, f"{path}[{at}]") for at, each in enumerate(given)])


def _read_tuple(readers: tuple[Reader, ...], value: Any, path: str) -> Any:
    given = _expect(list, value, path)
    if len(readers) != len(given):
        raise RemoteProtocolError(f"{path}: expected {len(readers)} items, got {len(given)}")
    pairs = enumerate(zip(readers, given, strict=True))
    return tuple([read(each, f"{path}[{at}]") for at, (read, each) in pairs])


def _read_dict(read: Reader, value: Any, path: str) -> Any:
    entries = _expect(dict, value, path).items()
    return {_read_text(key, path): read(each, f"{path}.{key[:100]}") for key, each in entries}


def _read_dataclass(cls: Any, value: Any, path: str) -> Any:
    readers = _readers(cls)
    document = value if type(value) is dict else _expect(dict, value, path)
    if not document.keys() <= readers.keys():
        unknown = min(document.keys() - readers.keys())
        raise RemoteProtocolError(f"{path or cls.__name__}: unknown key {quoted(unknown)}")
    given = {}
    for key, each in document.items():
        plain, read = readers[key]
        given[key] = each if type(each) in plain else read(each, f"{path}.{key}")
    try:
        return cls(**given)
    except TypeError as error:
        raise RemoteProtocolError(f"{path or cls.__name__}: {error}") from error


@functools.cache
def _readers(cls: Any) -> dict[str, tuple[frozenset[type], Reader]]:
    """The types of values that each field of a dataclass takes as they are, and its reader."""
    hints = {field.name: _hints(cls)[field.name] for field in dataclasses.fields(cls)}
    return {
        name: (_UNCHECKED.intersection(_alternatives(hint)), _reader(hint))
        for name, hint in hints.items()
    }


def _read_enum(kind: type[enum.Enum], value: Any, path: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        message = f"{path}: {quoted(value)} is not a valid {kind.__name__}"
        raise RemoteProtocolError(message) from error


def _read_bytes(value: Any, path: str) -> bytes:
    try:
        return binascii.a2b_base64(_expect(str, value, path), strict_mode=True)
    except ValueError as error:  # binascii.Error is a ValueError; so is text that is not ASCII
        raise RemoteProtocolError(f"{path}: not base64") from error


def _read_float(value: Any, path: str) -> float:
    """JSON has no other numbers, but Python's parser accepts NaN, Infinity and 1e999."""
    try:
        number = float(value) if type(value) is int else float(_expect(float, value, path))
    except OverflowError as error:
        raise RemoteProtocolError(f"{path}: the number is too large") from error
    if not math.isfinite(number):
        raise RemoteProtocolError(f"{path}: {number} is not a number")
    return number


def _read_text(value: Any, path: str) -> str:
    """Text that can be encoded: half of a surrogate pair has no UTF-8 form."""
    text: str = value if type(value) is str else _expect(str, value, path)
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

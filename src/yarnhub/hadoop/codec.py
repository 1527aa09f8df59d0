"""The protobuf wire format for frozen dataclasses whose fields carry Hadoop's field numbers.

A message is a plain dataclass; `proto`, `repeated` and `mapping` put the number and the kind of
each field next to its name:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class NodeId:
        host: str = proto(1, STRING, "")
        port: int = proto(2, INT32, 0)

A field without a default is *required*: always written, and missing on receipt is a protocol error.
Any other field is written only if it differs from its default, so a field whose absence has a
meaning has the default None.

There is no generated code and no protobuf dependency: stale generated code made the original skein
unusable. `tests/hadoop/test_codec.py` compares this codec with Google's.

Source: the protobuf encoding specification, "Message Structure" (proto2).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from yarnhub.base.errors import LocalProtocolError, RemoteProtocolError
from yarnhub.hadoop.scalars import (
    FIXED32,
    FIXED64,
    LENGTH_DELIMITED,
    VARINT,
    Scalar,
    read_int32,
    read_varint,
    varint,
    write_bytes,
    write_int32,
)

if TYPE_CHECKING:
    from collections.abc import Callable

M = TypeVar("M")

_MAX_DEPTH = 100
"""The deepest nesting that is decoded: the limit of Google's own decoders."""

Kind = Scalar | type
"""A scalar, an `enum.IntEnum` class or a message class."""


class SELF:
    """The kind of a field that contains messages of its own class."""


class FieldInfo(NamedTuple):
    """The description of one field; `dataclasses.Field.metadata["proto"]` holds it."""

    number: int
    kind: Kind
    key_kind: Kind | None = None
    """Set for a map: the kind of field 1 of its entries; `kind` is then that of field 2."""


def proto(
    number: int, kind: Kind, default: object = dataclasses.MISSING, *, secret: bool = False
) -> Any:
    """Declare a field: required without a default, else left out while it equals the default.

    A secret one is left out of `repr`.
    """
    # Any, as dataclasses.field is: the value after `=` is never the field's value.
    info = FieldInfo(number, kind)
    return dataclasses.field(default=default, repr=not secret, metadata={"proto": info})


def repeated(number: int, kind: Kind) -> Any:
    """Declare a repeated field, a tuple in Python."""
    return dataclasses.field(default=(), metadata={"proto": FieldInfo(number, kind)})


def mapping(number: int, key: Kind, value: Kind) -> Any:
    """Declare a map: a repeated message of key (field 1) and value (field 2), a dict in Python."""
    info = FieldInfo(number, value, key)
    return dataclasses.field(default_factory=dict, metadata={"proto": info})


class _Field(NamedTuple):
    """One field, ready to be written and read."""

    name: str
    number: int
    scalar: Scalar
    default: object  # MISSING: required
    repeated: bool
    entry: tuple[_Field, _Field] | None


def _as_scalar(kind: Kind) -> Scalar:
    if isinstance(kind, Scalar):
        return kind
    if issubclass(kind, enum.IntEnum):
        return Scalar(kind.__name__, VARINT, write_int32, _enum_reader(kind))
    return Scalar(kind.__name__, LENGTH_DELIMITED, lambda value: write_bytes(encode(value)), bytes)


def _enum_reader(kind: type[enum.IntEnum]) -> Callable[[int], enum.IntEnum | None]:
    members = {member.value: member for member in kind}
    # A member that a newer Hadoop added reads as "not set", as proto2 has it.
    return lambda raw: members.get(read_int32(raw))


_layouts: dict[type, tuple[_Field, ...]] = {}
_readers: dict[type, dict[int, tuple[_Field, type | None]]] = {}


def fields(cls: type) -> dict[str, FieldInfo]:
    """The declared fields of a message class by name."""
    declared = {f.name: f.metadata["proto"] for f in dataclasses.fields(cls)}
    return {
        name: info._replace(kind=cls) if info.kind is SELF else info
        for name, info in declared.items()
    }


def _layout(cls: type) -> tuple[_Field, ...]:
    found = _layouts.get(cls)
    if found is None:
        known = fields(cls)
        found = tuple(_prepare(field, known[field.name]) for field in dataclasses.fields(cls))
        _layouts[cls] = found
    return found


def _prepare(field: dataclasses.Field[Any], info: FieldInfo) -> _Field:
    entry = None
    if info.key_kind is not None:
        key, value = _as_scalar(info.key_kind), _as_scalar(info.kind)
        missing = dataclasses.MISSING
        entry = (
            _Field("key", 1, key, missing, repeated=False, entry=None),
            _Field("value", 2, value, missing, repeated=False, entry=None),
        )
    many = field.default == () and info.key_kind is None
    return _Field(field.name, info.number, _as_scalar(info.kind), field.default, many, entry)


def encode(message: object) -> bytes:
    """The wire form of a message.

    Raises:
        LocalProtocolError: A required field is None, or an integer does not fit its field.
    """
    parts: list[bytes] = []
    for field in _layout(type(message)):
        value = getattr(message, field.name)
        if field.entry is not None:
            for pair in value.items():
                body = b"".join(map(_tagged, field.entry, pair))
                parts.append(varint(field.number << 3 | LENGTH_DELIMITED) + write_bytes(body))
        elif field.repeated:
            parts.extend(_tagged(field, item) for item in value)
        elif value is None:
            if field.default is dataclasses.MISSING:
                raise LocalProtocolError(f"{type(message).__name__}.{field.name} is required")
        elif field.default is dataclasses.MISSING or value != field.default:
            parts.append(_tagged(field, value))
    return b"".join(parts)


def _tagged(field: _Field, value: object) -> bytes:
    return varint(field.number << 3 | field.scalar.wire_type) + field.scalar.write(value)


def decode(cls: type[M], buffer: bytes) -> M:
    """Read one message of class `cls`; unknown fields are passed over.

    Raises:
        RemoteProtocolError: The bytes are not a message, or a required field is missing.
    """
    return _decode(cls, buffer, 0)


def delimited(body: bytes) -> bytes:
    """A length as varint, then the bytes: how Hadoop puts several messages into one frame."""
    return varint(len(body)) + body


def read_delimited(cls: type[M], buffer: bytes, at: int = 0) -> tuple[M, int]:
    """Read one length-prefixed message; returns it and the offset behind it."""
    length, at = read_varint(buffer, at, len(buffer))
    if length > len(buffer) - at:
        raise RemoteProtocolError(f"a {cls.__name__} of {length} bytes is truncated")
    return _decode(cls, buffer[at : at + length], 0), at + length


def _reader(cls: type) -> dict[int, tuple[_Field, type | None]]:
    found = _readers.get(cls)
    if found is None:
        found = {}
        for field, info in zip(_layout(cls), fields(cls).values(), strict=True):
            kind = info.kind
            is_message = not isinstance(kind, Scalar) and not issubclass(kind, enum.IntEnum)
            found[field.number] = (field, kind if is_message else None)  # type: ignore[assignment]  # not a Scalar
        _readers[cls] = found
    return found


def _decode(cls: type[M], buffer: bytes, depth: int) -> M:
    if depth > _MAX_DEPTH:
        raise RemoteProtocolError(f"a {cls.__name__} is nested more than {_MAX_DEPTH} levels deep")
    values: dict[str, Any] = {}
    known = _reader(cls)
    at, end = 0, len(buffer)
    while at < end:
        tag, at = read_varint(buffer, at, end)
        raw, at = _read_raw(buffer, at, end, tag & 7)
        entry = known.get(tag >> 3)
        if entry is not None:
            _accept(values, entry, tag & 7, raw, depth)
    for field, _ in known.values():
        if field.default is dataclasses.MISSING and field.name not in values and not field.entry:
            raise RemoteProtocolError(f"a {cls.__name__} has no {field.name}")
        if field.repeated and field.name in values:
            values[field.name] = tuple(values[field.name])
    return cls(**values)


def _read_raw(buffer: bytes, at: int, end: int, wire_type: int) -> tuple[Any, int]:
    if wire_type == VARINT:
        return read_varint(buffer, at, end)
    if wire_type == LENGTH_DELIMITED:
        length, at = read_varint(buffer, at, end)
    elif wire_type == FIXED32:
        length = 4
    elif wire_type == FIXED64:
        length = 8
    else:
        raise RemoteProtocolError(f"Hadoop does not use wire type {wire_type}")
    if length > end - at:
        raise RemoteProtocolError("a message ends within a field")
    return buffer[at : at + length], at + length


def _accept(
    values: dict[str, Any], known: tuple[_Field, type | None], wire_type: int, raw: Any, depth: int
) -> None:
    field, message = known
    scalar = field.scalar
    if field.entry is not None:
        if wire_type == LENGTH_DELIMITED:  # as an unknown field otherwise: no number is a map
            key, value = _read_entry(field.entry, message, raw, depth)
            values.setdefault(field.name, {})[key] = value
    elif wire_type == scalar.wire_type:
        value = scalar.read(raw) if message is None else _decode(message, raw, depth + 1)
        if value is None:
            return
        if field.repeated:
            values.setdefault(field.name, []).append(value)
        else:
            values[field.name] = value
    elif field.repeated and wire_type == LENGTH_DELIMITED:
        _accept_packed(values.setdefault(field.name, []), scalar, raw)


def _accept_packed(into: list[Any], scalar: Scalar, raw: bytes) -> None:
    """A packed run of scalars: proto2 decoders must read both forms."""
    at = 0
    while at < len(raw):
        item, at = _read_raw(raw, at, len(raw), scalar.wire_type)
        value = scalar.read(item)
        if value is not None:
            into.append(value)


def _read_entry(
    entry: tuple[_Field, _Field], message: type | None, raw: bytes, depth: int
) -> tuple[Any, Any]:
    halves = [_ABSENT[half.scalar.wire_type] for half in entry]
    at = 0
    while at < len(raw):
        tag, at = read_varint(raw, at, len(raw))
        item, at = _read_raw(raw, at, len(raw), tag & 7)
        number = tag >> 3
        if number in (1, 2) and tag & 7 == entry[number - 1].scalar.wire_type:
            halves[number - 1] = item
    key, value = halves
    if message is not None:
        return entry[0].scalar.read(key), _decode(message, value, depth + 1)
    return entry[0].scalar.read(key), entry[1].scalar.read(value)


_ABSENT: dict[int, Any] = {VARINT: 0, LENGTH_DELIMITED: b"", FIXED32: bytes(4), FIXED64: bytes(8)}
"""The default of a missing part of a map entry: the zero of its wire type."""

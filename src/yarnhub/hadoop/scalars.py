"""The scalar types of protobuf, and how each is written and read.

Source: the protobuf encoding specification, "Message Structure" (proto2).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from yarnhub.base.errors import LocalProtocolError, RemoteProtocolError
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Callable

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
_U64 = (1 << 64) - 1


class Scalar(NamedTuple):
    """How one protobuf scalar type is written and read.

    `read` takes the raw value: an int for a varint, bytes for all others.
    """

    name: str
    wire_type: int
    write: Callable[[Any], bytes]
    read: Callable[[Any], Any]


def varint(value: int) -> bytes:
    """Encode one unsigned base-128 varint."""
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    if not 0 <= value <= _U64:
        raise LocalProtocolError(f"{value} does not fit in a 64-bit varint")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_ONE_BYTE = tuple(bytes((n,)) for n in range(0x80))


def read_varint(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """Decode one varint; returns its value and the offset after it.

    Raises:
        RemoteProtocolError: It is truncated at `end`, or longer than ten bytes.
    """
    if at < end and (byte := buffer[at]) < 0x80:
        return byte, at + 1
    value = shift = 0
    while at < end:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _U64, at
        shift += 7
        if shift > 63:
            raise RemoteProtocolError("a varint is longer than ten bytes")
    raise RemoteProtocolError("a message ends within a varint")


def _unfit(value: float, kind: str) -> LocalProtocolError:
    return LocalProtocolError(f"{value} does not fit in an {kind} field")


def write_int32(value: int) -> bytes:
    """Encode an `int32`, an enum too."""
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return varint(value & _U64)
    raise _unfit(value, "int32")


def _write_int64(value: int) -> bytes:
    if -(1 << 63) <= value < 1 << 63:
        return varint(value & _U64)
    raise _unfit(value, "int64")


def _write_uint32(value: int) -> bytes:
    if value <= 0xFFFFFFFF:
        return varint(value)
    raise _unfit(value, "uint32")


def _write_float(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError as error:
        raise _unfit(value, "float") from error


def _read_int64(raw: int) -> int:
    return raw - (1 << 64) if raw >> 63 else raw


def read_int32(raw: int) -> int:
    """Decode an `int32`; more bits than 32 are dropped."""
    raw &= 0xFFFFFFFF
    return raw - (1 << 32) if raw >> 31 else raw


def _write_zigzag(value: int) -> bytes:
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return varint(value << 1 if value >= 0 else (-value << 1) - 1)
    raise _unfit(value, "sint32")


def _read_zigzag(raw: int) -> int:
    return (raw >> 1) ^ -(raw & 1)


def write_bytes(value: bytes) -> bytes:
    """Encode bytes with their length."""
    return varint(len(value)) + value


def _write_string(value: str) -> bytes:
    return write_bytes(value.encode())


def _read_string(raw: bytes) -> str:
    # One bad character in some diagnostics must not cost the whole answer.
    return raw.decode(errors="replace")


def _write_free_text(value: str) -> bytes:
    return _write_string(clean_and_cut(value))


def _read_free_text(raw: bytes) -> str:
    return clean_and_cut(_read_string(raw))


INT32 = Scalar("int32", VARINT, write_int32, read_int32)
INT64 = Scalar("int64", VARINT, _write_int64, _read_int64)
UINT32 = Scalar("uint32", VARINT, _write_uint32, lambda raw: raw & 0xFFFFFFFF)
UINT64 = Scalar("uint64", VARINT, varint, int)
SINT32 = Scalar("sint32", VARINT, _write_zigzag, _read_zigzag)
BOOL = Scalar("bool", VARINT, lambda value: _ONE_BYTE[bool(value)], bool)
FLOAT = Scalar("float", FIXED32, _write_float, lambda raw: struct.unpack("<f", raw)[0])
DOUBLE = Scalar(
    "double", FIXED64, struct.Struct("<d").pack, lambda raw: struct.unpack("<d", raw)[0]
)
STRING = Scalar("string", LENGTH_DELIMITED, _write_string, _read_string)
FREE_TEXT = Scalar("string", LENGTH_DELIMITED, _write_free_text, _read_free_text)
"""A string for people, of any origin: cleaned and cut, both ways. Not for names and values that are
compared."""
BYTES = Scalar("bytes", LENGTH_DELIMITED, write_bytes, bytes)

"""Java's serialization of objects, read as plain Python data: the format of an IFile's index.

It is only ever read as data. Source: the Java Object Serialization
Specification, chapter 6; java.util.ArrayList and java.util.HashMap (`writeObject`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from yarnhub.base.errors import RemoteProtocolError

_HEADER = b"\xac\xed\x00\x05"
_NULL, _REFERENCE, _CLASS, _OBJECT, _STRING = 0x70, 0x71, 0x72, 0x73, 0x74
_BLOCK, _END, _LONG_STRING, _ENUM = 0x77, 0x78, 0x7C, 0x7E
_FIRST_HANDLE = 0x7E0000
_HAS_DATA, _EXTERNAL = 0x01, 0x04
_MAX_DEPTH = 40
"""Nested objects; the index of an IFile has 8."""
_PRIMITIVES = {
    "B": struct.Struct(">b"),
    "C": struct.Struct(">H"),
    "D": struct.Struct(">d"),
    "F": struct.Struct(">f"),
    "I": struct.Struct(">i"),
    "J": struct.Struct(">q"),
    "S": struct.Struct(">h"),
    "Z": struct.Struct(">?"),
}


class _Field(NamedTuple):
    kind: str
    name: str


@dataclass(slots=True)
class _Class:
    name: str
    flags: int = 0
    fields: list[_Field] = field(default_factory=list)
    parent: _Class | None = None


@dataclass(slots=True)
class JavaObject:
    """An object: its fields by name, and the additional data of its class, in order."""

    class_name: str
    fields: dict[str, object] = field(default_factory=dict)
    written: list[object] = field(default_factory=list)
    """Objects, and `bytes` for blocks of primitive data."""


def read_java_object(data: bytes) -> object:
    """Read one serialized object: a `JavaObject`, a text, or None.

    Raises:
        RemoteProtocolError: The bytes are not a serialized object, or of an unsupported kind.
    """
    if data[:4] != _HEADER:
        raise RemoteProtocolError("this is not a serialized Java object")
    return _Reader(data).read(0)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(_HEADER)
        self._handles: list[object] = []

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise RemoteProtocolError("a serialized Java object is truncated")
        taken, self._at = self._data[self._at : end], end
        return taken

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _text(self, size: int) -> str:
        return self._take(self._number(size)).decode(errors="replace")

    def read(self, depth: int) -> object:
        """One object; a block of primitive data as `bytes`."""
        if depth > _MAX_DEPTH:
            raise RemoteProtocolError("a serialized Java object is nested too deep")
        match tag := self._number(1):
            case 0x70:
                return None
            case 0x71:
                return self._reference()
            case 0x73:
                return self._object(depth)
            case 0x74 | 0x7C:
                text = self._text(2 if tag == _STRING else 8)
                self._handles.append(text)
                return text
            case 0x77:
                return self._take(self._number(1))
            case 0x7E:
                self._class(depth)
                self._handles.append(None)
                self._handles[-1] = name = self.read(depth + 1)
                return name
            case _:
                raise RemoteProtocolError(f"a serialized Java object has the unknown tag {tag:#x}")

    def _reference(self) -> object:
        number = self._number(4) - _FIRST_HANDLE
        if not 0 <= number < len(self._handles):
            raise RemoteProtocolError("a serialized Java object refers to a missing object")
        return self._handles[number]

    def _object(self, depth: int) -> JavaObject:
        found = self._class(depth)
        if found is None:
            raise RemoteProtocolError("a serialized Java object has no class")
        made = JavaObject(found.name)
        self._handles.append(made)
        lineage: list[_Class] = []
        while found is not None:
            if len(lineage) > _MAX_DEPTH:
                raise RemoteProtocolError("a Java class inherits from itself")
            lineage.append(found)
            found = found.parent
        for part in reversed(lineage):
            if part.flags & _EXTERNAL:
                raise RemoteProtocolError(f"the Java class {part.name} has its own format")
            for kind, name in part.fields:
                made.fields[name] = self._value(kind, depth)
            if part.flags & _HAS_DATA:
                self._written(made, depth)
        return made

    def _value(self, kind: str, depth: int) -> object:
        layout = _PRIMITIVES.get(kind)
        if layout is None:
            return self.read(depth + 1)
        value: object = layout.unpack(self._take(layout.size))[0]
        return value

    def _written(self, made: JavaObject, depth: int) -> None:
        while self._data[self._at : self._at + 1] != bytes((_END,)):
            made.written.append(self.read(depth + 1))
        self._at += 1

    def _class(self, depth: int) -> _Class | None:
        if depth > _MAX_DEPTH:
            raise RemoteProtocolError("Java classes are nested too deep")
        match tag := self._number(1):
            case 0x70:
                return None
            case 0x71:
                found = self._reference()
                if not isinstance(found, _Class):
                    raise RemoteProtocolError(
                        "a Java object refers to something that is not a class"
                    )
                return found
            case 0x72:
                return self._new_class(depth)
            case _:
                raise RemoteProtocolError(f"a Java class has the unknown tag {tag:#x}")

    def _new_class(self, depth: int) -> _Class:
        made = _Class(self._text(2))
        self._take(8)  # serialVersionUID: the fields are read as they are declared
        self._handles.append(made)
        made.flags = self._number(1)
        for _ in range(self._number(2)):
            kind, name = chr(self._number(1)), self._text(2)
            if kind in {"L", "["}:
                self.read(depth + 1)  # the field's type
            elif kind not in _PRIMITIVES:
                raise RemoteProtocolError(f"a Java field has the unknown type {kind!r}")
            made.fields.append(_Field(kind, name))
        if self._number(1) != _END:
            raise RemoteProtocolError(f"the Java class {made.name} is annotated")
        made.parent = self._class(depth + 1)
        return made


def as_list(value: object) -> list[object]:
    """The items of an `ArrayList`.

    Raises:
        RemoteProtocolError: It is not one.
    """
    if not isinstance(value, JavaObject) or value.class_name != "java.util.ArrayList":
        raise RemoteProtocolError("a list is missing in a serialized Java object")
    return value.written[1:]  # behind its capacity


def as_map(value: object) -> dict[str, object]:
    """The items of a `HashMap` whose keys are texts.

    Raises:
        RemoteProtocolError: It is not one.
    """
    if not isinstance(value, JavaObject) or value.class_name != "java.util.HashMap":
        raise RemoteProtocolError("a map is missing in a serialized Java object")
    items = value.written[1:]  # behind its capacity
    if not all(isinstance(key, str) for key in items[::2]):
        raise RemoteProtocolError("a map of a serialized Java object has keys that are not text")
    return {str(key): item for key, item in zip(items[::2], items[1::2], strict=False)}

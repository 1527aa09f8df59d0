"""The protobuf descriptors inside Hadoop's jars, read without Java.

A generated class keeps the serialized descriptor of its file as string constants, one char for
one byte, cut into several where it is long. Source: The Java Virtual Machine Specification, 4.4
and 4.7.2; protobuf's Java generator.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Bytes of a constant behind its tag, where that does not depend on the content.
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4}
_SIZES |= {19: 2, 20: 2}
_UTF8, _INTEGER, _STRING = 1, 3, 8
_LONG, _DOUBLE = 5, 6


@dataclass
class ClassFile:
    """The constants of a class, and what its static final fields hold."""

    pool: dict[int, tuple[int, Any]] = field(default_factory=dict)
    integers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> ClassFile:
        found = cls()
        magic, _, count = struct.unpack_from(">IIH", data)
        assert magic == 0xCAFEBABE
        at, index = 10, 1
        while index < count:
            tag = data[at]
            if tag == _UTF8:
                size = struct.unpack_from(">H", data, at + 1)[0]
                # Modified UTF-8: the zero char takes two bytes, and halves of a pair stand alone.
                raw = data[at + 3 : at + 3 + size].replace(b"\xc0\x80", b"\0")
                found.pool[index] = tag, raw.decode("utf-8", "surrogatepass")
                at += 3 + size
            else:
                kind = ">i" if tag == _INTEGER else ">H"
                found.pool[index] = tag, struct.unpack_from(kind, data, at + 1)[0]
                at += 1 + _SIZES[tag]
            index += 2 if tag in (_LONG, _DOUBLE) else 1
        found._read_fields(data, at)
        return found

    def _read_fields(self, data: bytes, at: int) -> None:
        interfaces = struct.unpack_from(">H", data, at + 6)[0]
        at += 8 + 2 * interfaces
        (fields,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(fields):
            _, name, _, attributes = struct.unpack_from(">HHHH", data, at)
            at += 8
            for _ in range(attributes):
                attribute, size = struct.unpack_from(">HI", data, at)
                if self.pool[attribute][1] == "ConstantValue":
                    tag, value = self.pool[struct.unpack_from(">H", data, at + 6)[0]]
                    if tag == _INTEGER:
                        self.integers[self.pool[name][1]] = value
                at += 6 + size

    @property
    def strings(self) -> list[str]:
        return [self.pool[value][1] for tag, value in self.pool.values() if tag == _STRING]

    def descriptor(self) -> FileDescriptorProto:
        strings = self.strings
        first = next(
            at for at, text in enumerate(strings) if text[:1] == "\n" and ".proto" in text[:80]
        )
        found: FileDescriptorProto | None = None
        parts = b""
        for text in strings[first:]:
            if any(ord(char) > 0xFF for char in text):
                break
            parts += text.encode("latin-1")
            try:
                found = FileDescriptorProto.FromString(parts)
            except DecodeError:
                continue  # cut within; or the class's other strings have begun
        assert found is not None
        return found


@dataclass
class Descriptors:
    """Messages, enums and services by their full names, as `hadoop.yarn.ResourceProto`."""

    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    services: dict[str, ServiceDescriptorProto] = field(default_factory=dict)

    @classmethod
    def read(cls, jars: Path, classes: Iterable[tuple[str, str]]) -> Descriptors:
        """From a folder of jars, and pairs of a jar's and a class's name."""
        found = cls()
        for jar, name in classes:
            file = read_class(jars, jar, name).descriptor()
            for service in file.service:
                found.services[f"{file.package}.{service.name}"] = service
            found._add(file.package, file.message_type, file.enum_type)
        return found

    def _add(
        self,
        scope: str,
        messages: Iterable[DescriptorProto],
        enums: Iterable[EnumDescriptorProto],
    ) -> None:
        for enum in enums:
            self.enums[f"{scope}.{enum.name}"] = enum
        for message in messages:
            self.messages[f"{scope}.{message.name}"] = message
            self._add(f"{scope}.{message.name}", message.nested_type, message.enum_type)


def read_class(jars: Path, jar: str, name: str) -> ClassFile:
    (path,) = (path for path in jars.glob(f"{jar}-3.*.jar") if "tests" not in path.name)
    with zipfile.ZipFile(path) as archive:
        return ClassFile.parse(archive.read(f"{name}.class"))

"""TFile, the format in which logs are aggregated by default.

    +-------------+------------+-------------+---------------+--------------+---------+-------+
    | data blocks | data index | other metas | index of all  | offset of it | version | magic |
    | one by one  |            |             | metas         | 8 bytes      | 2+2     | 16    |
    +-------------+------------+-------------+---------------+--------------+---------+-------+

Integers of variable length are of TFile's own kind. A record is a key and a value; the value
comes in chunks, of which each but the last has its length negated. The key of a container is
its id; its value is a row of log files, each with name, length in decimal digits, content.

Source: org.apache.hadoop.io.file.tfile.{BCFile, TFile, Utils, Chunk};
org.apache.hadoop.yarn.logaggregation.AggregatedLogFormat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import quoted
from yarnhub.yarn.logs.entry import Extent, LogEntry, add
from yarnhub.yarn.logs.source import CHUNK_SIZE, NONE, Need, Source, Step
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import Generator

MAGIC = bytes.fromhex("d111d36891b5d7b639df414092bae150")
TAIL_SIZE = 28
"""Bytes of offset, version and magic."""
_DATA_INDEX = "data:BCFile.index"
_MAX_KEY = 64 << 10
"""`TFile.MAX_KEY_SIZE`."""
_MAX_BLOCKS = 1 << 19
"""Blocks of 256 kB at least, before compression: TFileAggregatedFileController."""
_NOT_CONTAINERS = {"VERSION", "APPLICATION_ACL", "APPLICATION_OWNER"}


class _Region(NamedTuple):
    offset: int
    stored: int
    """Bytes in the file."""
    length: int
    """Bytes after decompression."""


class _Bytes(Protocol):
    def exactly(self, size: int) -> Step[bytes]: ...


@dataclass(slots=True)
class _Counted:
    """A source that counts the bytes that were read."""

    source: Source
    position: int = 0

    def exactly(self, size: int) -> Step[bytes]:
        data = yield from self.source.exactly(size)
        self.position += size
        return data

    def skip(self, size: int) -> Step[None]:
        yield from self.source.skip(size)
        self.position += size


def read_index(size: int, tail: bytes) -> Step[list[LogEntry]]:
    """Find the log files in a TFile.

    Args:
        size: Bytes of the file.
        tail: Its last `TAIL_SIZE` bytes.

    Raises:
        RemoteProtocolError: The file is damaged.
        ConfigurationError: Its compression is not supported.
    """
    if tail[-16:] != MAGIC or size < TAIL_SIZE:
        raise RemoteProtocolError("this is not a TFile: its magic number is missing")
    offset = int.from_bytes(tail[:8], "big", signed=True)
    compression, blocks = yield from _read_data_index(offset, size)
    entries: list[LogEntry] = []
    for block in blocks:
        yield from _read_block(block, compression, entries)
    return entries


def _read_data_index(offset: int, size: int) -> Step[tuple[str, list[_Region]]]:
    metas = Source(offset, size - TAIL_SIZE, NONE)
    for _ in range((yield from _count(metas))):
        name = yield from _text(metas)
        compression = yield from _text(metas)
        region = yield from _region(metas, size)
        if name == _DATA_INDEX:
            break
    else:
        raise RemoteProtocolError("a TFile has no index of its blocks")
    index = Source(region.offset, region.offset + region.stored, compression)
    default = yield from _text(index)
    count = yield from _count(index)
    if count > _MAX_BLOCKS:
        raise RemoteProtocolError(f"a TFile cannot have {count} blocks")
    blocks = []
    for _ in range(count):
        blocks.append((yield from _region(index, size)))  # noqa: PERF401  # not in a generator
    if sum(block.stored for block in blocks) > size:
        raise RemoteProtocolError("the blocks of a TFile overlap")
    return default, blocks


def _region(source: Source, size: int) -> Step[_Region]:
    region = _Region(
        (yield from _vint(source)), (yield from _vint(source)), (yield from _vint(source))
    )
    if min(region) < 0 or region.offset + region.stored > size:
        raise RemoteProtocolError("a block of a TFile is outside of the file")
    return region


def _read_block(block: _Region, compression: str, entries: list[LogEntry]) -> Step[None]:
    source = Source(block.offset, block.offset + block.stored, compression)
    counted = _Counted(source)
    while not (yield from source.ended()):
        length = yield from _vint(counted)
        if not 0 < length <= _MAX_KEY:
            raise RemoteProtocolError(f"a TFile has a key of {length} bytes")
        key = yield from counted.exactly(length)
        value = _Value(counted)
        container = _utf(key)
        if container in _NOT_CONTAINERS:
            yield from value.pass_over()
            continue
        try:
            container_id = ContainerId.parse(container)
        except ValueError as error:
            raise RemoteProtocolError(f"a TFile has the key {quoted(container)}") from error
        yield from _read_value(block, compression, value, container_id, entries)


def _read_value(
    block: _Region,
    compression: str,
    value: _Value,
    container_id: ContainerId,
    entries: list[LogEntry],
) -> Step[None]:
    while not (yield from value.ended()):
        name = yield from value.utf()
        digits = yield from value.utf()
        if not digits.isdecimal() or len(digits) > 18:
            raise RemoteProtocolError(f"the log {quoted(name)} has the length {quoted(digits)}")
        length = int(digits)
        extent = Extent(
            start=block.offset,
            end=block.offset + block.stored,
            compression=compression,
            skip=value.counted.position,
            chunk=value.left,
            is_last=value.is_last,
        )
        add(entries, LogEntry(container_id=container_id, name=name, length=length, extent=extent))
        yield from value.skip(length)


@dataclass(slots=True)
class _Value:
    """The chunks of one value as one stream."""

    counted: _Counted
    left: int = 0
    """Bytes left of the current chunk."""
    is_last: bool = False

    def ended(self) -> Step[bool]:
        while not self.left:
            if self.is_last:
                return True
            size = yield from _vint(self.counted)
            self.is_last, self.left = size >= 0, abs(size)
        return False

    def available(self) -> Step[int]:
        """How many bytes are left of the current chunk: at least 1."""
        if (yield from self.ended()):
            raise RemoteProtocolError("a value of a TFile ends within a log")
        return self.left

    def exactly(self, size: int) -> Step[bytes]:
        taken = b""
        while len(taken) < size:
            part = min((yield from self.available()), size - len(taken))
            taken += yield from self.counted.exactly(part)
            self.left -= part
        return taken

    def skip(self, size: int) -> Step[None]:
        while size:
            part = min((yield from self.available()), size)
            yield from self.counted.skip(part)
            self.left -= part
            size -= part

    def pass_over(self) -> Step[None]:
        while not (yield from self.ended()):
            yield from self.skip(self.left)

    def utf(self) -> Step[str]:
        head = yield from self.exactly(2)
        return _utf(head + (yield from self.exactly(int.from_bytes(head, "big"))))


def read_content(entry: LogEntry, start: int = 0) -> Generator[Need | bytes, bytes | None, None]:
    """The content of a log file from an offset, in chunks, between what the parser needs.

    Raises:
        RemoteProtocolError: The file is damaged, or was replaced after its index was read.
    """
    extent = entry.extent
    source = Source(extent.start, extent.end, extent.compression)
    yield from source.skip(extent.skip)
    value = _Value(_Counted(source), extent.chunk or 0, extent.is_last)
    yield from value.skip(start)
    left = entry.length - start
    while left:
        part = min((yield from value.available()), left, CHUNK_SIZE)
        data = yield from value.counted.source.some(part)
        value.left -= len(data)
        left -= len(data)
        yield data


def _vint(source: _Bytes) -> Step[int]:
    """An integer of variable length (`Utils.readVLong`)."""
    first = int.from_bytes((yield from source.exactly(1)), "big", signed=True)
    if first >= -32:
        return first
    if first >= -72:
        more, base = 1, 52
    elif first >= -104:
        more, base = 2, 88
    elif first >= -120:
        more, base = 3, 112
    else:
        return int.from_bytes((yield from source.exactly(first + 129)), "big", signed=True)
    return first + base << 8 * more | int.from_bytes((yield from source.exactly(more)), "big")


def _count(source: _Bytes) -> Step[int]:
    count = yield from _vint(source)
    if count < 0:
        raise RemoteProtocolError(f"a TFile counts {count}")
    return count


def _text(source: _Bytes) -> Step[str]:
    length = yield from _count(source)
    if length > _MAX_KEY:
        raise RemoteProtocolError(f"a TFile has a name of {length} bytes")
    return (yield from source.exactly(length)).decode(errors="replace")


def _utf(data: bytes) -> str:
    """What `DataOutput.writeUTF` wrote: 2 bytes of length and the text."""
    if len(data) < 2 or len(data) != 2 + int.from_bytes(data[:2], "big"):
        raise RemoteProtocolError("a text in a TFile has a wrong length")
    # Java writes a NUL as two bytes and large characters as surrogates, which no log's name has.
    return data[2:].decode(errors="replace")

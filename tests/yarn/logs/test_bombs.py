"""Aggregated files that are small and tell of more than memory holds."""

from __future__ import annotations

import gzip
import struct

import pytest

from yarn.logs.recorded import index_of
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.logs import entry, tfile

UUID = b"\x01" * 32
OBJECT, REFERENCE, STRING = b"s", b"q", b"t"


def text(value: str) -> bytes:
    return STRING + short(value)


def short(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


def described(name: str, flags: int, *fields: str) -> bytes:
    """A new class; `fields` are names of lists, maps or texts, or of numbers with a `#` before."""
    parts = [b"r", short(name), bytes(8), bytes((flags,)), struct.pack(">H", len(fields))]
    for field in fields:
        if field.startswith("#"):
            parts.append(b"J" + short(field[1:]))
        else:
            parts.append(b"L" + short(field) + text("T"))
    return b"".join((*parts, b"x", b"p"))


def reference(number: int) -> bytes:
    return REFERENCE + struct.pack(">I", 0x7E0000 + number)


def ifile(index: bytes) -> bytes:
    body = b"\xac\xed\x00\x05" + index
    return UUID + body + struct.pack(">i", len(body)) + UUID


def block(size: int = 4) -> bytes:
    return b"w\x04" + struct.pack(">I", size)


NUMBERS = ("#fileCompressedSize", "#fileSize", "#startIndex")
# What Java counts of the below: 5 is the class ArrayList, 9 a cycle, 12 the container's name, 13
# its list of files, 17 the file.
ARRAY_LIST, CYCLE, CONTAINER, FILES, FILE = 5, 9, 12, 13, 17


def bomb(width: int) -> bytes:
    """One file, in a list that names it often, in a map that names the list often, and so on."""
    file = OBJECT + described("File", 2, *NUMBERS, "containerId", "fileName") + bytes(24)
    file += text("container_1_0001_01_000001") + text("a")
    files = OBJECT + reference(ARRAY_LIST) + block() + file + reference(FILE) * width + b"x"
    pairs = text("a") + files + (reference(CONTAINER) + reference(FILES)) * width
    cycle_map = OBJECT + described("java.util.HashMap", 3) + block() + pairs + b"x"
    cycle = OBJECT + described("Cycle", 2, "logMetas") + cycle_map
    cycles = OBJECT + described("java.util.ArrayList", 3) + block() + cycle
    cycles += reference(CYCLE) * width + b"x"
    return OBJECT + described("Meta", 2, "compressName", "logMetas") + text("none") + cycles


@pytest.mark.parametrize("width", [300, 3000])
def test_an_ifile_that_refers_to_one_list_over_and_over(width: int) -> None:
    data = ifile(bomb(width))
    with pytest.raises(RemoteProtocolError, match="lists more logs than fit in the file"):
        index_of(data)


def test_one_reference_is_none() -> None:
    assert [each.name for each in index_of(ifile(bomb(0)))] == ["a"]


def varint(value: int) -> bytes:
    return bytes((value,)) if value < 112 else b"\x83" + struct.pack(">I", value)


def packed(compression: str, blocks: list[tuple[int, int, int]], content: bytes) -> bytes:
    """A TFile of blocks, each with an offset and two sizes, in what `content` is."""

    def named(name: str) -> bytes:
        return varint(len(name)) + name.encode()

    index = named(compression) + varint(len(blocks))
    index += b"".join(varint(number) for each in blocks for number in each)
    stored = gzip.compress(index)
    metas = varint(1) + named("data:BCFile.index") + named("gz")
    metas += varint(len(content)) + varint(len(stored)) + varint(len(index))
    offset = len(content) + len(stored)
    return content + stored + metas + struct.pack(">q", offset) + bytes(4) + tfile.MAGIC


def record(entries: int) -> bytes:
    key = short("container_1_0001_01_000001")
    value = (short("a") + short("0")) * entries
    return varint(len(key)) + key + varint(len(value)) + value


def test_a_tfile_whose_blocks_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzip.compress(record(3))
    one = (0, len(content), 0)
    assert len(index_of(packed("gz", [one], content))) == 3
    with pytest.raises(RemoteProtocolError, match="blocks of a TFile overlap"):
        index_of(packed("gz", [one] * 100_000, content))
    with pytest.raises(RemoteProtocolError, match="cannot have 600000 blocks"):
        index_of(packed("gz", [(0, 0, 0)] * 600_000, content))


def test_a_tfile_of_more_files_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "MAX_ENTRIES", 10_000)
    content = gzip.compress(record(20_000))
    assert len(content) < 1000
    with pytest.raises(RemoteProtocolError, match="more than 10000 files"):
        index_of(packed("gz", [(0, len(content), 0)], content))

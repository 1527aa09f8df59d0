"""Aggregated logs that a NodeManager of Hadoop 3.4.2 wrote, and a driver for the parsers.

Each file is of an application of alice with two attempts, whose AM wrote `stdout`, `stderr`,
`numbers.log` and `empty`, with `yarn.nodemanager.log-container-debug-info.enabled` false.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.yarn.logs.aggregated_file import read_content, read_index
from yarnhub.yarn.logs.source import Need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.yarn.logs.entry import LogEntry

HERE = Path(__file__).parent
FILES = {name: (HERE / f"{name}.bin").read_bytes() for name in (
    "tfile-none", "tfile-gz", "ifile-none", "ifile-gz",
)}  # fmt: skip
NUMBERS = {"tfile-none": 18, "tfile-gz": 17, "ifile-none": 15, "ifile-gz": 16}
"""The applications' numbers."""

CONTENT = {
    "empty": b"",
    "numbers.log": b"".join(b"%d\n" % number for number in range(1, 301)),
    "prelaunch.err": b"",
    "prelaunch.out": b"Setting up env variables\nSetting up job resources\nLaunching container\n",
    "stderr": "café".encode(),
    "stdout": b"hello from the AM\n",
}


def answer(data: bytes, need: Need) -> bytes:
    assert need.offset >= 0
    assert need.length >= 0
    assert need.offset + need.length <= len(data), "a parser asks only for what is there"
    return data[need.offset : need.offset + need.length]


def index_of(data: bytes) -> list[LogEntry]:
    parser = read_index(len(data))
    need = next(parser)
    while True:
        try:
            need = parser.send(answer(data, need))
        except StopIteration as done:
            entries: list[LogEntry] = done.value
            return entries


def content_of(data: bytes, entry: LogEntry) -> Iterator[bytes]:
    parser = read_content(entry)
    sent: bytes | None = None
    while True:
        try:
            item = parser.send(sent)
        except StopIteration:
            return
        sent = answer(data, item) if isinstance(item, Need) else None
        if not isinstance(item, Need):
            yield item

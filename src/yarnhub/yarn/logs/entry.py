"""The entries of an aggregated log file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from yarnhub.yarn.records.ids import ContainerId

MAX_INDEX = 64 << 20
"""Bytes of an index: some 300 000 log files on one node."""

MAX_ENTRIES = 1 << 19
"""Log files in one aggregated file: a small index, compressed or with references, could list more
than fits in memory."""


def add(entries: list[LogEntry], entry: LogEntry) -> None:
    """Add a log file to the entries of an aggregated file.

    Raises:
        RemoteProtocolError: There are too many.
    """
    if len(entries) >= MAX_ENTRIES:
        raise RemoteProtocolError(f"an aggregated log lists more than {MAX_ENTRIES} files")
    entries.append(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """The position of a log file's content in the aggregated file.

    Bytes `start` to `end` are decompressed, then `skip` of them are dropped. In a TFile the
    content lies in chunks: `chunk` bytes of the current one are left, and more chunks follow
    unless `is_last`. In an IFile `chunk` is None.
    """

    start: int
    end: int
    compression: str
    skip: int = 0
    chunk: int | None = None
    is_last: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One log file of one container."""

    container_id: ContainerId
    name: str
    """The file's name in the container's log folder, e.g. `stdout`."""
    length: int
    """Bytes."""
    extent: Extent

"""The parser of an aggregated log file of either format: its index, and each log's content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.logs import ifile, tfile
from yarnhub.yarn.logs.source import Need, Step

if TYPE_CHECKING:
    from collections.abc import Generator

    from yarnhub.yarn.logs.entry import LogEntry

_TAIL = max(tfile.TAIL_SIZE, ifile.TAIL_SIZE)


def read_index(size: int) -> Step[list[LogEntry]]:
    """Find the log files in an aggregated file, in the order of the file.

    Drive it as a generator: send the bytes of each `Need`; the entries are the value that
    `StopIteration` holds. A compressed TFile is read as a whole, all others only in parts.

    Args:
        size: Bytes of the file.

    Raises:
        RemoteProtocolError: The file is in no known format, or damaged.
        ConfigurationError: Its compression is not supported.
    """
    tail = yield Need(max(0, size - _TAIL), min(size, _TAIL))
    if tail[-16:] == tfile.MAGIC:
        return (yield from tfile.read_index(size, tail[-tfile.TAIL_SIZE :]))
    head = yield Need(0, min(size, max(ifile.UUID_LENGTHS)))
    uuid_length = ifile.find_uuid(head, tail)
    if uuid_length is None:
        raise RemoteProtocolError(f"a file of {size} bytes is not a complete TFile or IFile")
    return (yield from ifile.read_index(size, tail, uuid_length))


def read_content(entry: LogEntry, start: int = 0) -> Generator[Need | bytes, bytes | None, None]:
    """The content of a log file, in chunks of bounded size.

    Drive it as a generator: send the bytes of each `Need`; what is not a `Need` is content.

    Args:
        entry: The log.
        start: The number of bytes to skip, at most its length.

    Raises:
        RemoteProtocolError: The file is damaged, or was replaced after its index was read.
    """
    content = tfile.read_content if entry.extent.chunk is not None else ifile.read_content
    return content(entry, start)

"""IFile, the indexed format in which logs may be aggregated.

    +------+----------------------------------------+-------+---------------------+------+
    | uuid | logs, each compressed by itself        | index | length of the index | uuid |
    +------+----------------------------------------+-------+---------------------+------+

The index is a serialized Java object. Where logs are aggregated while the application runs, an
index follows each round, and the last one covers all.

The uuid is the SHA-256 of the application id (32 bytes); Hadoop before 3.1 wrote 36 characters.

Source: org.apache.hadoop.yarn.logaggregation.filecontroller.ifile.
LogAggregationIndexedFileController.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.logs.entry import MAX_INDEX, Extent, LogEntry, add
from yarnhub.yarn.logs.java_objects import JavaObject, as_list, as_map, read_java_object
from yarnhub.yarn.logs.source import CHUNK_SIZE, NONE, Need, Source, Step, check_compression
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import Generator

UUID_LENGTHS = (32, 36)
_MIN_ENTRY_SIZE = 40
"""The smallest serialized object of one log file, in bytes: three numbers of 8 bytes, three
references of 5."""
TAIL_SIZE = max(UUID_LENGTHS) + 4
"""The last bytes of a file, with the uuid and the index's length."""


def find_uuid(head: bytes, tail: bytes) -> int | None:
    """The length of the uuid at both ends of a file; None if it is not an IFile."""
    for length in UUID_LENGTHS:
        if len(head) >= length and len(tail) >= length + 4 and head[:length] == tail[-length:]:
            return length
    return None


def read_index(size: int, tail: bytes, uuid_length: int) -> Step[list[LogEntry]]:
    """Find the log files in an IFile.

    Args:
        size: Bytes of the file.
        tail: Its last `TAIL_SIZE` bytes.
        uuid_length: The result of `find_uuid`.

    Raises:
        RemoteProtocolError: The file is damaged.
        ConfigurationError: Its compression is not supported.
    """
    end = size - uuid_length - 4
    length = int.from_bytes(tail[-uuid_length - 4 : -uuid_length], "big", signed=True)
    if not 0 < length <= min(MAX_INDEX, end - uuid_length):
        raise RemoteProtocolError(f"an IFile of {size} bytes has an index of {length} bytes")
    index = read_java_object((yield from Source(end - length, end, NONE).rest(MAX_INDEX)))
    if not isinstance(index, JavaObject):
        raise RemoteProtocolError("the index of an IFile is not an object")
    compression = _text(index, "compressName")
    check_compression(compression)
    entries: list[LogEntry] = []
    for file in _files(index, length):
        add(entries, _entry(file, compression, end - length))
    return entries


def _files(index: JavaObject, length: int) -> Generator[object, None, None]:
    """The objects of all log files. Each has bytes of its own, and so does each list and map.

    Repeated references to one list, which could expand beyond the file's size, are refused.
    """
    left = length
    for cycle in as_list(index.fields.get("logMetas")):
        logs = as_map(_field(cycle, "logMetas"))
        left -= 1 + len(logs)
        for found in map(as_list, logs.values() if left >= 0 else ()):
            left -= _MIN_ENTRY_SIZE * len(found)
            yield from found if left >= 0 else ()
        if left < 0:
            raise RemoteProtocolError(
                f"an index of {length} bytes in an IFile lists more logs than fit in the file"
            )


def _entry(file: object, compression: str, end: int) -> LogEntry:
    start, stored = _integer(file, "startIndex"), _integer(file, "fileCompressedSize")
    length = _integer(file, "fileSize")
    if min(start, stored, length) < 0 or start + stored > end:
        raise RemoteProtocolError("a log of an IFile is outside of the file")
    try:
        container_id = ContainerId.parse(_text(file, "containerId"))
    except ValueError as error:
        raise RemoteProtocolError(f"the index of an IFile is damaged: {error}") from error
    return LogEntry(
        container_id=container_id,
        name=_text(file, "fileName"),
        length=length,
        extent=Extent(start=start, end=start + stored, compression=compression),
    )


def _field(value: object, name: str) -> object:
    if not isinstance(value, JavaObject) or name not in value.fields:
        raise RemoteProtocolError(f"the index of an IFile has no {name}")
    return value.fields[name]


def _text(value: object, name: str) -> str:
    found = _field(value, name)
    if not isinstance(found, str):
        raise RemoteProtocolError(f"the index of an IFile has a {name} that is not text")
    return found


def _integer(value: object, name: str) -> int:
    found = _field(value, name)
    if not isinstance(found, int):
        raise RemoteProtocolError(f"the index of an IFile has a {name} that is not a number")
    return found


def read_content(entry: LogEntry, start: int = 0) -> Generator[Need | bytes, bytes | None, None]:
    """The content of a log file from an offset, in chunks, between what the parser needs.

    Raises:
        RemoteProtocolError: The file is damaged, or was replaced after its index was read.
    """
    extent = entry.extent
    source = Source(extent.start, extent.end, extent.compression)
    yield from source.skip(start)
    left = entry.length - start
    while left:
        data = yield from source.some(min(left, CHUNK_SIZE))
        left -= len(data)
        yield data

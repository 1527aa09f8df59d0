"""Parts of a file as a decompressed stream of bytes for a parser."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from yarnhub.base.errors import ConfigurationError, RemoteProtocolError

T = TypeVar("T")

CHUNK_SIZE = 1 << 18
"""Bytes that are requested at once, and that are decompressed at once."""


@dataclass(frozen=True, slots=True)
class Need:
    """The parser continues when it is sent exactly these bytes of the file."""

    offset: int
    length: int


Step = Generator[Need, bytes, T]
"""A part of a parser: requests bytes, returns a `T`."""

NONE, GZIP = "none", "gz"


def check_compression(name: str) -> None:
    """Refuse an unsupported compression.

    Raises:
        ConfigurationError: The compression is not supported, for example lzo.
        RemoteProtocolError: No compression of Hadoop has this name.
    """
    if name in {NONE, GZIP}:
        return
    if name in {"lzo", "zstd", "lz4", "snappy"}:
        raise ConfigurationError(
            f"these logs are compressed with {name}, which yarnhub cannot read; set"
            " yarn.nodemanager.log-aggregation.compression-type to gz or none, or read them with"
            " `yarn logs`"
        )
    raise RemoteProtocolError(f"an aggregated log names the unknown compression {name!r}")


class Source:
    """The bytes `start` to `end` of the file, decompressed."""

    __slots__ = ("_at", "_buffer", "_end", "_inflate", "_stored")

    def __init__(self, start: int, end: int, compression: str) -> None:
        if not 0 <= start <= end:
            raise RemoteProtocolError(f"a part of a log from byte {start} to {end} cannot be")
        check_compression(compression)
        self._at = start
        self._end = end
        # 32: Hadoop writes zlib's own header or gzip's, depending on its native libraries.
        self._inflate = zlib.decompressobj(32 + zlib.MAX_WBITS) if compression == GZIP else None
        self._stored = b""
        self._buffer = b""

    def _fill(self) -> Step[bool]:
        """Fill the empty buffer; False at the end."""
        while not self._buffer:
            if self._inflate is None:
                if self._at == self._end:
                    return False
                self._buffer = yield from self._fetch()
                return True
            if self._inflate.eof:
                return False
            stored = self._stored or (yield from self._fetch_more())
            try:
                self._buffer = self._inflate.decompress(stored, CHUNK_SIZE)
            except zlib.error as error:
                raise RemoteProtocolError(f"a compressed log is damaged: {error}") from error
            self._stored = self._inflate.unconsumed_tail
        return True

    def _fetch_more(self) -> Step[bytes]:
        if self._at == self._end:
            raise RemoteProtocolError("a compressed log is truncated")
        return (yield from self._fetch())

    def _fetch(self) -> Step[bytes]:
        length = min(CHUNK_SIZE, self._end - self._at)
        data = yield Need(self._at, length)
        self._at += length
        return data

    def ended(self) -> Step[bool]:
        """Whether nothing is left."""
        return not (self._buffer or (yield from self._fill()))

    def some(self, limit: int) -> Step[bytes]:
        """The next 1 to `limit` bytes.

        Raises:
            RemoteProtocolError: Nothing is left.
        """
        if not self._buffer and not (yield from self._fill()):
            raise RemoteProtocolError("an aggregated log ends within a record")
        taken, self._buffer = self._buffer[:limit], self._buffer[limit:]
        return taken

    def exactly(self, size: int) -> Step[bytes]:
        """The next `size` bytes; for small parts, since they are held in memory."""
        taken = b""
        while len(taken) < size:
            taken += yield from self.some(size - len(taken))
        return taken

    def skip(self, size: int) -> Step[None]:
        """Skip bytes; without compression they are not even requested."""
        while size:
            if not self._buffer and self._inflate is None:
                if size > self._end - self._at:
                    raise RemoteProtocolError("an aggregated log ends within a record")
                self._at += size
                return
            size -= len((yield from self.some(size)))

    def byte(self) -> Step[int]:
        """The next byte, 0 to 255."""
        return (yield from self.exactly(1))[0]

    def rest(self, limit: int) -> Step[bytes]:
        """The rest.

        Raises:
            RemoteProtocolError: It is more than `limit` bytes.
        """
        parts = bytearray()
        while not (yield from self.ended()):
            parts += yield from self.some(CHUNK_SIZE)
            if len(parts) > limit:
                raise RemoteProtocolError(f"an index of a log is longer than {limit} bytes")
        return bytes(parts)

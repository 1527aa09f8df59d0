"""Frames: a length of four bytes, big-endian, then that many bytes.

+----------+--------------------------------+
| length   | length bytes                   |
| 4 bytes  |                                |
+----------+--------------------------------+
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator


def frame(*parts: bytes) -> bytes:
    """One frame of the joined parts."""
    return b"".join((sum(map(len, parts)).to_bytes(4, "big"), *parts))


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Process bytes and yield the complete frames. Must be exhausted.

        Raises:
            RemoteProtocolError: A length is negative or above the limit. Earlier frames have been
                yielded.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big", signed=True)
            if not 0 <= length <= self._limit:
                raise RemoteProtocolError(self._refusal(bytes(buffer[at : at + 4]), length))
            if len(buffer) - at - 4 < length:
                break
            at += 4 + length
            yield bytes(memoryview(buffer)[at - length : at])
        del buffer[:at]

    def _refusal(self, start: bytes, length: int) -> str:
        if start == b"HTTP":
            return "the peer responds in HTTP: this is a web port, not an RPC port"
        return f"the peer announces a response of {length} bytes; the limit is {self._limit}"

r"""Frames: concurrent requests on one connection.

A client that offers one of `PROTOCOLS` in the TLS handshake (ALPN) uses frames; any other uses
HTTP.

    +----------------+----------------+------------------+------+---------------+
    | length: uint32 | number: uint32 | name, in ASCII   | "\n" | body, as JSON |
    +----------------+----------------+------------------+------+---------------+
                                      |<----------- length bytes -------------->|

A request has the name of its class; its answer has its number and the name of its own class. A
frame with the number of a request and no name withdraws that request: it is not answered.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PROTOCOL = "yarnhub.control.2"
EARLIER_PROTOCOL = "yarnhub.control"
"""Its answers have no outcomes: versions that support only this protocol refuse unknown fields."""
PROTOCOLS = (PROTOCOL, EARLIER_PROTOCOL)
STREAM = "yarnhub.stream.1"
"""Offered by a container's program for a connection without requests: see `unmanaged.streams`."""
_HEADER = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Frame:
    """A request or an answer; `body` is None if it was too long to be kept."""

    number: int
    name: str
    body: bytes | None = b""

    def __bytes__(self) -> bytes:
        content = b"%s\n%s" % (self.name.encode(), self.body or b"")
        return _HEADER.pack(len(content), self.number) + content


class Frames:
    """The frames in a stream of bytes, in chunks of any size.

    Args:
        limit: Bytes in a frame; longer ones are read, but not kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete."""
        self._buffer += data
        found: list[Frame] = []
        while True:
            skipped = min(self._skip, len(self._buffer))
            self._skip -= skipped
            del self._buffer[:skipped]
            if len(self._buffer) < _HEADER.size:
                return found
            length, number = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if length > self._limit:
                found.append(Frame(number, "", None))
                self._skip = end
            elif len(self._buffer) < end:
                return found
            else:
                name, _, body = bytes(self._buffer[_HEADER.size : end]).partition(b"\n")
                del self._buffer[:end]
                found.append(Frame(number, name.decode("ascii", "replace"), body))

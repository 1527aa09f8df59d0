"""ZMTP 3.0 as a subscriber needs it: no security, one subscription to everything; no I/O.

Source: https://rfc.zeromq.org/spec/23/ (ZMTP 3.0). A peer of version 3.1 falls back to it.

A greeting of 64 bytes from each side, then frames:

    +-----------+------------------------+-----------------+
    | flags: 1  | length: 1, or 8 (LONG) | body            |
    +-----------+------------------------+-----------------+
"""

from __future__ import annotations

import enum
import struct

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.kernels.protocol import MAX_PARTS

_MORE, _LONG, _COMMAND = 1, 2, 4
_SIGNATURE_END = 10
_GREETING_SIZE = 64
_MECHANISM = slice(12, 32)
_NULL = b"NULL".ljust(20, b"\0")
_GREETING = (b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + _NULL).ljust(_GREETING_SIZE, b"\0")
_SOCKET_TYPE = b"\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"
_READY = b"\x05READY" + _SOCKET_TYPE
_SUBSCRIBE = b"\x00\x01\x01"
"""A message of one byte: subscribe to topics that begin with nothing."""
_LENGTH = struct.Struct(">Q")
_MAX_HANDSHAKE = 64 * 1024
"""Bytes of the peer's READY."""
_PART_SIZE = 64
"""Bytes that a part costs besides its content: a message of many empty parts is long, too."""


class _State(enum.Enum):
    GREETING = enum.auto()
    HANDSHAKE = enum.auto()
    TRAFFIC = enum.auto()


class Subscriber:
    """The subscriber's side of one connection.

    Args:
        limit: Bytes of a message; longer ones are read but not kept.

    Attributes:
        limit: The same; it can be changed at any time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._state = _State.GREETING
        self._outgoing = bytearray(_GREETING)
        self._buffer = bytearray()
        self._skip = 0
        """Bytes of a frame's body that are still to come, and are not kept."""
        self._parts: list[bytes] = []
        self._size = 0
        self._kept = True
        """Whether the message that is being read is still kept."""

    @property
    def subscribed(self) -> bool:
        """Whether the subscription is among what was to be sent so far."""
        return self._state is _State.TRAFFIC

    def data_to_send(self) -> bytes:
        """The bytes to send now; call it at the start and after each `receive`."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive(self, data: bytes) -> list[list[bytes] | None]:
        """The messages that these bytes complete; None for one that was too long.

        Raises:
            RemoteProtocolError: The peer does not use ZMTP 3 without security.
        """
        self._buffer += data
        messages: list[list[bytes] | None] = []
        if self._state is _State.GREETING and not self._read_greeting():
            return messages
        while self._skipped() and self._read_frame(messages):
            pass
        return messages

    def _read_greeting(self) -> bool:
        signature = bytes(self._buffer[:_SIGNATURE_END])
        if signature[:1] not in (b"", b"\xff") or signature[9:] not in (b"", b"\x7f"):
            raise RemoteProtocolError("the socket does not use ZMTP")
        if len(self._buffer) < _GREETING_SIZE:
            return False
        version, mechanism = self._buffer[_SIGNATURE_END], self._buffer[_MECHANISM]
        if version < 3 or mechanism != _NULL:
            raise RemoteProtocolError("the socket does not use ZMTP 3 without security")
        del self._buffer[:_GREETING_SIZE]
        self._outgoing += bytes((_COMMAND, len(_READY))) + _READY
        self._state = _State.HANDSHAKE
        return True

    def _skipped(self) -> bool:
        """Drop what is not kept; whether a new frame begins."""
        count = min(self._skip, len(self._buffer))
        if count:
            del self._buffer[:count]
            self._skip -= count
        return not self._skip

    def _read_frame(self, messages: list[list[bytes] | None]) -> bool:
        """Read a frame, or the header of one that is skipped; whether there was one."""
        header = self._header()
        if header is None:
            return False
        flags, start, length = header
        if flags & _COMMAND:
            return self._read_command(start, length)
        if self._state is not _State.TRAFFIC:
            raise RemoteProtocolError("a message before the handshake is complete")
        if not self._fits(length):
            self._kept = False
            self._parts.clear()
            del self._buffer[:start]
            self._skip = length
        elif len(self._buffer) < start + length:
            return False
        else:
            self._parts.append(bytes(self._buffer[start : start + length]))
            self._size += length + _PART_SIZE
            del self._buffer[: start + length]
        if not flags & _MORE:
            messages.append(self._parts if self._kept else None)
            self._parts, self._size, self._kept = [], 0, True
        return True

    def _fits(self, length: int) -> bool:
        size = self._size + length + _PART_SIZE
        return self._kept and size <= self.limit and len(self._parts) < MAX_PARTS

    def _header(self) -> tuple[int, int, int] | None:
        """The next frame's flags, where its body starts and its length; None if incomplete."""
        if len(self._buffer) < 2:
            return None
        flags = self._buffer[0]
        if flags & ~(_MORE | _LONG | _COMMAND) or flags & (_MORE | _COMMAND) == _MORE | _COMMAND:
            raise RemoteProtocolError(f"a frame with flags {flags:#x}")
        if not flags & _LONG:
            return flags, 2, self._buffer[1]
        if len(self._buffer) < 1 + _LENGTH.size:
            return None
        return flags, 1 + _LENGTH.size, _LENGTH.unpack_from(self._buffer, 1)[0]

    def _read_command(self, start: int, length: int) -> bool:
        if self._state is _State.TRAFFIC:  # none that matters to a subscriber
            del self._buffer[:start]
            self._skip = length
            return True
        if length > _MAX_HANDSHAKE:
            raise RemoteProtocolError(f"a handshake of {length} bytes")
        if len(self._buffer) < start + length:
            return False
        body = bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        if not body.startswith(b"\x05READY"):
            raise RemoteProtocolError(f"the handshake was refused: {body[:100]!r}")
        self._outgoing += _SUBSCRIBE
        self._state = _State.TRAFFIC
        return True

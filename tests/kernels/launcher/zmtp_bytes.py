"""What a publisher sends, in bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MORE, LONG, COMMAND = 1, 2, 4
GREETING = (b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0")).ljust(64, b"\0")


def frame(body: bytes, flags: int = 0) -> bytes:
    if len(body) > 255:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return bytes((flags, len(body))) + body


READY = frame(b"\x05READY\x0bSocket-Type\0\0\0\x04XPUB\x08Identity\0\0\0\0", COMMAND)


def stream(messages: Sequence[Sequence[bytes]]) -> bytes:
    """A whole connection's bytes."""
    content = GREETING + READY
    for parts in messages:
        content += b"".join(frame(part, MORE) for part in parts[:-1]) + frame(parts[-1])
    return content

"""Hadoop's own binary forms (`Writable`): variable integers, byte strings, text.

A variable integer is one byte for -112..127. Otherwise the first byte is the sign and length and
the magnitude follows, big-endian: -113..-120 for 1..8 bytes of a positive number, -121..-128 for
1..8 bytes of the complement of a negative one. This is not protobuf's varint.

Source: org.apache.hadoop.io.WritableUtils.
"""

from __future__ import annotations

from yarnhub.base.errors import RemoteProtocolError


def vint(value: int) -> bytes:
    """Encode a variable integer of up to 64 bits."""
    if -112 <= value <= 127:
        return (value & 0xFF).to_bytes(1, "big")
    first, magnitude = (-112, value) if value >= 0 else (-120, ~value)
    size = (magnitude.bit_length() + 7) // 8
    return ((first - size) & 0xFF).to_bytes(1, "big") + magnitude.to_bytes(size, "big")


def sized(value: bytes) -> bytes:
    """A length as variable integer, then the bytes: also the format of `Text`."""
    return vint(len(value)) + value


class Reader:
    """Takes values one by one from the front of a byte string."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._bytes = data
        self._at = at

    @property
    def left(self) -> int:
        """The number of unread bytes."""
        return len(self._bytes) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes.

        Raises:
            RemoteProtocolError: There are fewer, or `size` is negative.
        """
        if not 0 <= size <= self.left:
            raise RemoteProtocolError(f"{size} bytes announced where {self.left} are left")
        start, self._at = self._at, self._at + size
        return self._bytes[start : self._at]

    def vint(self) -> int:
        """A variable integer."""
        first = int.from_bytes(self.take(1), "big", signed=True)
        if first >= -112:
            return first
        negative = first < -120
        magnitude = int.from_bytes(self.take(-(first + (120 if negative else 112))), "big")
        return ~magnitude if negative else magnitude

    def sized(self) -> bytes:
        """A byte string, preceded by its length."""
        return self.take(self.vint())

    def text(self) -> str:
        """A `Text`: a sized byte string in UTF-8."""
        try:
            return self.sized().decode()
        except UnicodeDecodeError as error:
            raise RemoteProtocolError("a text is not UTF-8") from error

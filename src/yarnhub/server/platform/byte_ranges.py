"""The part of a file that a `Range` header requests (RFC 9110, 14.1.2); no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPEC = re.compile(r"bytes *= *(\d{0,18}) *- *(\d{0,18})", re.ASCII | re.IGNORECASE)


class RangeError(ValueError):
    """The range is invalid, there are several, or the file does not have it."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file, which is not empty: from `start` up to and without `end`."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        """The header `Content-Range` of a file of so many bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}"

    @classmethod
    def parse(cls, text: str, size: int, most: int) -> ByteRange:
        """The requested range, or its beginning: RFC 9110, 15.3.7 allows to send a part of it.

        Of the last bytes of a file, the end is sent.

        Args:
            text: The header, such as `bytes=0-99`, `bytes=100-` or `bytes=-100`.
            size: Bytes of the file.
            most: Bytes to send.

        Raises:
            RangeError: There is nothing to send.
        """
        found = _SPEC.fullmatch(text.strip())
        if found is None or found.groups() == ("", ""):
            raise RangeError("send one range, such as bytes=0-99, bytes=100- or bytes=-100")
        first, last = found.groups()
        if not first:
            start, end = max(0, size - min(int(last), most)), size
        else:
            start = int(first)
            end = min(size, start + most, int(last) + 1 if last else size)
            if last and int(last) < start:
                raise RangeError("the range ends before it begins")
        if start >= end:
            raise RangeError(f"the file has {size} bytes")
        return cls(start, end)

"""The text of a log that arrives in pieces of bytes, without cut characters; no I/O."""

from __future__ import annotations

import codecs

_MAX_REST = 3
"""Bytes of a character of UTF-8 after its first one."""
_UTF8 = codecs.getincrementaldecoder("utf-8")


class LogText:
    """Decodes UTF-8; what is not UTF-8 becomes U+FFFD.

    Args:
        offset: Where the first piece begins in the log, in bytes.
    """

    def __init__(self, offset: int) -> None:
        self._decoder = _UTF8(errors="replace")
        self._seen = offset

    @property
    def offset(self) -> int:
        """Bytes of the log up to the end of the text so far."""
        return self._seen - len(self._decoder.getstate()[0])

    def feed(self, data: bytes) -> str:
        """The text of the next piece, except for a character at its end that is not complete."""
        self._seen += len(data)
        return self._decoder.decode(data)

    def end(self) -> str:
        """The rest, if there are no more pieces."""
        return self._decoder.decode(b"", final=True)


def cut_at_start(data: bytes) -> int:
    """Bytes at the start that are the rest of a character which begins before them."""
    head = data[: _MAX_REST + 1]
    rest = next((n for n, byte in enumerate(head) if byte & 0xC0 != 0x80), len(head))
    return rest if rest <= _MAX_REST else 0


def cut_at_end(data: bytes) -> int:
    """Bytes at the end that are the beginning of a character which ends after them."""
    text = LogText(0)
    text.feed(data[-_MAX_REST:])
    return min(len(data), _MAX_REST) - text.offset

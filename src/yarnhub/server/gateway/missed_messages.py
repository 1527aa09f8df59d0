"""The messages that a client misses until it connects again, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 16 * 1024 * 1024
"""Bytes that are kept of a kernel."""
_EACH = 200
"""Bytes that a message takes besides its parts."""


class MissedMessages(list[tuple[str, Any]]):
    """Jupyter Server's buffer of a kernel: channels and messages. The oldest ones are dropped."""

    _size = 0

    def append(self, item: tuple[str, Sequence[bytes]]) -> None:
        """Keep one more message."""
        super().append(item)
        self._size += _size(item)
        self._drop()

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self._size = sum(map(_size, self))
        self._drop()

    def _drop(self) -> None:
        dropped = 0
        while self._size > MAX_BYTES:
            self._size -= _size(self[dropped])
            dropped += 1
        del self[:dropped]


def _size(item: tuple[str, Sequence[bytes]]) -> int:
    return _EACH + sum(map(len, item[1]))

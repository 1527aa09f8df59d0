"""What a kernel publishes: its activity, and the messages that nobody has heard; no I/O."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnhub.kernels.protocol import Activity, pack_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SMALL = 64 * 1024
"""Bytes of a message that is read for its status alone."""
_OVERLAP = 10.0
"""Seconds that messages are kept after somebody has begun to listen: the subscription needs a
moment to reach the kernel, and then the messages before it are asked for."""
_DELIMITER = b"<IDS|MSG>"
_HEADER, _PARENT, _CONTENT = 2, 3, 5
"""Parts after the delimiter, and what they are. Source: Jupyter's messaging protocol."""
_BESIDES = ("kernel_info_request", "interrupt_request", "debug_request", "comm_info_request")
"""Requests that a kernel answers while it runs a cell, on its control channel: their statuses do
not say whether it is busy. Jupyter Server sends one for each client that connects."""
_ENTRY_SIZE = 100
"""Bytes that a kept message costs besides its content."""


@dataclass(frozen=True, slots=True)
class _Kept:
    number: int
    packed: bytes
    heard: bool
    """Whether somebody listened when it was published."""

    @property
    def size(self) -> int:
        return len(self.packed) + _ENTRY_SIZE


class Output:
    """What a kernel has published.

    Args:
        limit: Bytes of messages that are kept; the oldest are dropped.
        clock: The seconds since 1970.
        changed: Called when the activity is another one.

    Attributes:
        activity: The last status.
        active: When the last message was published, in seconds since 1970; 0 if none was.
        dropped: Messages that were dropped since the last time they were received.
    """

    def __init__(self, limit: int, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self.activity = Activity.UNKNOWN
        self.active = 0.0
        self.dropped = 0
        self._limit = limit
        self._clock = clock
        self._changed = changed
        self._listeners: list[Callable[[], bool]] = []
        self._keep_until = 0.0
        self._number = 0
        self._size = 0
        self._kept: deque[_Kept] = deque()

    @property
    def limit(self) -> int:
        """Bytes of the next message that are worth reading."""
        return max(SMALL, self._limit) if self._keeps else SMALL

    @property
    def _is_heard(self) -> bool:
        return not all(has_left() for has_left in self._listeners)

    @property
    def _keeps(self) -> bool:
        return self._clock() < self._keep_until or not self._is_heard

    def reset(self) -> None:
        """A new process begins: its activity is unknown."""
        self._become(Activity.UNKNOWN)

    def joined(self, has_left: Callable[[], bool]) -> None:
        """Somebody listens from now on.

        Args:
            has_left: Whether he has closed his connection; known before `left` is called, which
                waits for its turn in the event loop.
        """
        if not self._listeners:
            self._keep_until = self._clock() + _OVERLAP
        self._listeners.append(has_left)

    def left(self, has_left: Callable[[], bool]) -> None:
        """One of those has gone."""
        self._forget_heard()
        self._listeners.remove(has_left)

    def take(self, parts: Sequence[bytes] | None) -> None:
        """A message was published.

        Args:
            parts: Its parts; None if it was longer than `limit`.
        """
        self.active = self._clock()
        kind = "" if parts is None else self._read(parts)
        if not self._keeps:
            self._forget_heard()
        elif parts is None:
            self.dropped += 1
        elif kind != "iopub_welcome":  # meant for one subscriber: this one
            self._keep(pack_message(parts))

    def history(self) -> tuple[int, int, list[bytes]]:
        """What is kept: the last message's number, how many were dropped, and all, packed."""
        return self._number, self.dropped, [each.packed for each in self._kept]

    def received(self, number: int, dropped: int) -> None:
        """Forget what somebody has: all up to a number, and that others were dropped."""
        while self._kept and self._kept[0].number <= number:
            self._size -= self._kept.popleft().size
        self.dropped -= dropped
        if self._listeners:
            self._keep_until = 0.0

    def _keep(self, packed: bytes) -> None:
        self._number += 1
        kept = _Kept(self._number, packed, heard=self._is_heard)
        if kept.size > self._limit:
            self.dropped += 1
            return
        self._kept.append(kept)
        self._size += kept.size
        while self._size > self._limit:
            self._size -= self._kept.popleft().size
            self.dropped += 1

    def _forget_heard(self) -> None:
        """Forget what was kept in case it was asked for, if that time is over."""
        if self._listeners and self._clock() >= self._keep_until:
            while self._kept and self._kept[-1].heard:
                self._size -= self._kept.pop().size

    def _read(self, parts: Sequence[bytes]) -> str:
        """The message's type; a status is noted."""
        try:
            first = parts.index(_DELIMITER)
            header, content = parts[first + _HEADER], parts[first + _CONTENT]
            parent = parts[first + _PARENT]
        except (ValueError, IndexError):
            return ""
        if b"status" not in header and b"iopub_welcome" not in header:
            return ""
        kind = _text(header, "msg_type")
        if kind == "status":
            self._note(_text(content, "execution_state"), _text(parent, "msg_type"))
        return kind

    def _note(self, state: str, request: str) -> None:
        if state not in ("starting", "idle", "busy"):
            return
        if request not in _BESIDES:
            self._become(Activity(state))
        elif self.activity is not Activity.BUSY and state == "idle":
            self._become(Activity.IDLE)

    def _become(self, activity: Activity) -> None:
        if activity is not self.activity:
            self.activity = activity
            self._changed()


def _text(data: bytes, key: str) -> str:
    """A text in a JSON document; empty if there is none."""
    if len(data) > SMALL:
        return ""
    try:
        document: Any = json.loads(data)
        found = document.get(key, "")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""

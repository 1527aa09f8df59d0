"""The audit log: a line of JSON for each thing that was done for a user, or refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
import logging
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

MAX_FIELD = 512
"""Characters of one value."""
_REFUSALS = 120
"""Refusals of a user that are recorded in one minute; the rest are counted."""
_USERS = 100
"""Users who have their own number of refusals; all others share one."""
_MINUTE = 60.0
_MAX_TAIL = 256 << 10
"""Bytes at the end of the file that are read."""


class Event(enum.Enum):
    """What happened."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    INTERRUPT = "interrupt"
    CONNECT = "connect"
    CULL = "cull"
    KILL = "kill"
    """Of an application."""
    MOVE = "move"
    """Of an application, to another queue."""
    BUILD = "build"
    """Of an environment; the next ones, too."""
    CANCEL = "cancel"
    DELETE = "delete"
    SHARE = "share"
    LIMIT = "limit"
    """What users can hold was changed, or is no longer limited."""
    END = "end"
    """It ended by itself, or YARN or an administrator ended it."""
    FAIL = "fail"
    REFUSE = "refuse"


class AuditLog:
    """Writes lines of JSON to a file that only its owner can read.

    The file is opened for each line: a program that rotates logs can rename it at any time. Nothing
    fails because a line cannot be written: it goes to the log of the process instead.

    Args:
        path: The file; None for none.
        clock: Seconds of a clock that never goes back.

    Attributes:
        is_kept: Whether there is a file.
        lost: Lines that could not be written.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._path = path
        self.is_kept = path is not None
        self._clock = clock
        self._cut = False
        """Whether the last line was cut off by a full disk."""
        self._minute = -_MINUTE
        self._refusals = Counter[str]()
        self._connections = set[tuple[object, object]]()
        self._unrecorded = 0
        self.lost = 0

    def write(self, event: Event, actor: str, **fields: object) -> None:
        """Write one line; one for each minute in which an address has connected to a kernel.

        Args:
            event: What happened.
            actor: The user or the part of the service that caused it; empty if unknown.
            fields: Such as `kernel`, `owner`, `name`, `reason`; empty ones are left out.
        """
        self._begin_minute()
        if event is Event.REFUSE and not self._record_refusal(actor):
            return
        if event is Event.CONNECT and not self._record_connection(fields):
            return
        if self._unrecorded:
            fields["unrecorded_refusals"], self._unrecorded = self._unrecorded, 0
        record: dict[str, object] = {
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "event": event.value,
            "actor": _bounded(actor),
        }
        record |= {
            name: _bounded(value) for name, value in fields.items() if value not in ("", None)
        }
        self._append(json.dumps(record).replace("\x7f", "\\u007f"))

    def last(self, number: int) -> list[dict[str, Any]]:
        """The last lines of the file, the latest first; lines that are damaged are left out.

        It blocks, and reads no more than 256 KiB.

        Args:
            number: The most lines.
        """
        if self._path is None:
            return []
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_TAIL))
                lines = file.read(_MAX_TAIL).splitlines()
        except OSError as error:
            _log.warning("cannot read the audit log %s: %s", self._path, error)
            return []
        found: list[dict[str, Any]] = []
        for line in reversed(lines):
            if len(found) == number:
                break
            with contextlib.suppress(ValueError, RecursionError):
                record = json.loads(line)
                if isinstance(record, dict):
                    found.append(record)
        return found

    def _begin_minute(self) -> None:
        now = self._clock()
        if now - self._minute >= _MINUTE:
            self._minute = now
            self._refusals.clear()
            self._connections.clear()

    def _record_connection(self, fields: Mapping[str, object]) -> bool:
        """Programs may ask again and again, but do not hide those at other addresses."""
        connection = (fields.get("kernel"), fields.get("address"))
        known = connection in self._connections
        self._connections.add(connection)
        return not known

    def _record_refusal(self, actor: str) -> bool:
        """Anybody can cause refusals: they must not fill the disk."""
        if actor not in self._refusals and len(self._refusals) >= _USERS:
            actor = ""
        self._refusals[actor] += 1
        if self._refusals[actor] > _REFUSALS:
            self._unrecorded += 1
            return False
        return True

    def _append(self, line: str) -> None:
        if self._path is None:
            return
        data = ("\n" if self._cut else "").encode() + line.encode() + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._path, flags | os.O_NONBLOCK, 0o600)
            try:
                written = os.write(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._lose(line, error.strerror or type(error).__name__)
            return
        self._cut = written < len(data)
        if self._cut:
            self._lose(line, "the disk is full")

    def _lose(self, line: str, why: str) -> None:
        self.lost += 1
        _log.error("cannot write to the audit log %s: %s; the line is %s", self._path, why, line)


def _bounded(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= MAX_FIELD else f"{text[:MAX_FIELD]}..."

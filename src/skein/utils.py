"""What programs written for skein import from here."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.file_lock import locked
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "cached_property",
    "datetime_from_millis",
    "datetime_to_millis",
    "format_comma_separated_list",
    "format_table",
    "humanize_timedelta",
    "lock_file",
    "pid_exists",
]

_GAP = 4
"""Blanks between columns of a table."""


def format_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with its heading, without a line break at its end."""
    heading = [column.upper() for column in columns]
    lines = [heading, *([clean_and_cut(str(cell), lines=False) for cell in row] for row in rows)]
    widths = [max(len(cell) for cell in column) + _GAP for column in zip(*lines, strict=True)]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def format_runtime(seconds: float) -> str:
    """A duration such as `1h 40m`, `10m` or `6s`; what is smaller is left out."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m" if minutes else f"{rest}s"


def humanize_timedelta(td: dt.timedelta) -> str:
    """A duration such as `1h 40m`, `10m` or `6s`."""
    return format_runtime(td.total_seconds())


def datetime_from_millis(x: float | None) -> dt.datetime | None:
    """Milliseconds since 1970 as local time without a zone; None for 0 or less, which is never."""
    return dt.datetime.fromtimestamp(x / 1000) if x and x > 0 else None  # noqa: DTZ006  # as skein gives times


def datetime_to_millis(x: dt.datetime | None) -> int | None:
    """A time, local if it has no zone, in milliseconds since 1970."""
    return None if x is None else int(x.timestamp() * 1000)


def format_comma_separated_list(x: Sequence[object], conjunction: str = "or") -> str:
    """Such as `a`, `a or b`, and `a, b, or c`."""
    *most, last = map(str, x) if x else [""]
    if len(most) > 1:
        return f"{', '.join(most)}, {conjunction} {last}"
    return f" {conjunction} ".join((*most, last))


def pid_exists(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class _FileLock:
    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._held: AbstractContextManager[None] = contextlib.nullcontext()

    def acquire(self) -> None:
        held = locked(self._path, 0o666)
        held.__enter__()
        self._held = held  # only now: another thread may hold it before

    def release(self) -> None:
        self._held.__exit__(None, None, None)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()


def lock_file(path: str) -> _FileLock:
    """A lock that keeps threads and processes apart, on a file."""
    return _FileLock(path)

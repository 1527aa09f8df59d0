"""A progress bar for uploads, on a terminal."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.client.files.staging import Progress

_WIDTH = 30
"""The length of the bar in characters."""
_CLEAR = "\r\x1b[K"


def format_progress(name: str, sent: int, size: int, columns: int) -> str:
    """The line for an upload.

    Args:
        name: The name of the file.
        sent: Bytes sent so far.
        size: Bytes in total.
        columns: The width of the terminal.
    """
    share = min(1.0, sent / size) if size else 1.0
    filled = int(share * _WIDTH)
    bar = "#" * filled + " " * (_WIDTH - filled)
    return f"{name} [{bar}] {share:4.0%} of {size / 1e6:.1f} MB"[: columns - 1]


@contextlib.contextmanager
def progress_on(stream: TextIO) -> Iterator[Progress | None]:
    """Show uploads on a terminal, and clear the line afterwards; None without a terminal."""
    if not stream.isatty():
        yield None
        return

    def show(path: Path, sent: int, size: int) -> None:
        columns = shutil.get_terminal_size().columns
        stream.write(f"{_CLEAR}{format_progress(path.name, sent, size, columns)}")
        stream.flush()

    try:
        yield show
    finally:
        stream.write(_CLEAR)
        stream.flush()

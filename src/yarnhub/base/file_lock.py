"""A lock between processes, and between the threads of a process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, mode: int = 0o600) -> Iterator[None]:
    """Hold an exclusive lock on a file; blocks while another process or thread holds it.

    The lock is released when its holder exits.

    Args:
        path: The file, which is created if it does not exist, and not deleted.
        mode: The permissions of a new file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

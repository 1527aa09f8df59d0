"""Local files: read within limits, and written so that only their owner can read them."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it.

    Opening a pipe would block until it has a writer, and a device may never end.

    Raises:
        OSError: The file does not exist, or is not a regular file; see `strerror`.
    """
    _check(path, path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check(path, os.fstat(descriptor))  # it may have been replaced
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a file.

    Raises:
        OSError: The file does not exist, is not a regular file, or has more than `limit` bytes.
    """
    with open_regular(path) as file:
        return _read(path, file, limit)


def read_limited(path: Path, limit: int) -> bytes:
    """The content of a file of any kind; blocks on a pipe.

    Raises:
        OSError: The file does not exist, or has more than `limit` bytes.
    """
    with path.open("rb") as file:
        return _read(path, file, limit)


def is_own(path: Path) -> bool:
    """Whether a regular file exists that belongs to this user, and that nobody else can write.

    Others cannot have put code into it, even if they can write its folder.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    mine = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    return mine and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write_private(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, completely or not at all, and flush it to the disk."""
    temporary = path.with_name(f".{path.name}.{threading.get_native_id()}")
    temporary.unlink(missing_ok=True)  # left by a killed thread with the same id
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # a full disk needs its space
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Flush the entries of a directory to the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(errno.EINVAL, f"it is not a regular file but {kind}", str(path))


def _read(path: Path, file: BinaryIO, limit: int) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
    return content

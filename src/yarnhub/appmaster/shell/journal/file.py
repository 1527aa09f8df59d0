"""The journal of a process with a state folder on its local disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import sync_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OVERGROWN = 256 * 1024
"""Bytes of changes after which a snapshot replaces them, unless the snapshot is larger."""


class FileJournal:
    """A local file that only its user can read, with one line for each change.

    A change that was written partly, because the disk was full, is removed before the next write.

    Args:
        path: The file; its folder exists and is private.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._snapshot = 0

    async def load(self) -> list[bytes]:
        """See `Journal.load`. An incomplete last line, after a kill, is dropped.

        Raises:
            ConfigurationError: The file is damaged: it exists but has no complete line, although
                its first line, a snapshot, is written completely or not at all.
        """
        return await asyncio.to_thread(self._load)

    def _load(self) -> list[bytes]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            raise ConfigurationError(
                f"{self._path} is damaged: it contains no complete record of its application"
            )
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        self._size = len(whole)
        return whole.split(b"\n")[:-1]

    async def append(self, changes: Sequence[bytes]) -> None:
        """See `Journal.append`."""
        content = b"".join(change + b"\n" for change in changes)
        await asyncio.to_thread(self._write, self._path, content, self._size)
        if not self._size:
            await asyncio.to_thread(sync_folder, self._path.parent)
        self._size += len(content)

    async def compact(self, snapshot: bytes) -> None:
        """See `Journal.compact`."""
        content = snapshot + b"\n"
        await asyncio.to_thread(write_private, self._path, content)
        self._size = self._snapshot = len(content)

    @staticmethod
    def _write(path: Path, content: bytes, at: int) -> None:
        """Make the file end with this content, starting at byte `at`, and flush it to the disk."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if os.fstat(descriptor).st_size < at:
                raise OSError(errno.ESTALE, "another program has truncated it", str(path))
            file.truncate(at)
            file.seek(at)
            file.write(content)
            file.flush()
            os.fdatasync(descriptor)

    @property
    def overgrown(self) -> bool:
        """See `Journal.overgrown`."""
        return self._size > max(OVERGROWN, 2 * self._snapshot)

    async def delete(self) -> None:
        """See `Journal.delete`."""
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(self._path.unlink)

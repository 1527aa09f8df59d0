"""Partial uploads: content has another name until it is complete.

An abandoned upload is deleted at once if the file system responds, and later if it does not. If its
process has ended, another process deletes it a day later.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import re
import secrets
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from yarnhub.filesystem.port import FileStatus, FileSystem

MAX_NAME_BYTES = 255
"""Bytes of a name: `dfs.namenode.fs-limits.max-component-length`, and most local disks' limit."""
CLEAN_UP_TIMEOUT = 5.0
"""Seconds to delete a partial upload."""
_ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which an upload is considered abandoned."""
_MAX_KEPT = 1000
"""The number of names to delete later: so many only if a file system does not respond for long."""
_NAME = re.compile(r"\..*\.[0-9a-f]{8}\._COPYING_", re.DOTALL)


def partial_name(path: str) -> str:
    """A unique name next to `path` for incomplete content.

    It ends like those of Hadoop's own shell, so that clean-up rules apply.
    """
    folder, name = posixpath.split(path)
    ending = f".{secrets.token_hex(4)}._COPYING_"
    return posixpath.join(folder, with_ending(f".{name}", ending))


def with_ending(name: str, ending: str) -> str:
    """A name with a suffix, cut so that both fit in a file name."""
    encoded = name.encode(errors="surrogateescape")[: MAX_NAME_BYTES - len(ending.encode())]
    return encoded.decode(errors="ignore") + ending


class Partials:
    """The partial uploads of one file system's client.

    Args:
        delete: Deletes one recursively, if it exists.
    """

    def __init__(self, delete: Callable[[str], Awaitable[object]]) -> None:
        self._delete = delete
        self._left: dict[str, None] = {}

    async def discard(self, path: str) -> None:
        """Delete an abandoned one: now, or when the file system responds again."""
        self._left[path] = None
        while len(self._left) > _MAX_KEPT:
            del self._left[next(iter(self._left))]
        await self.retry()

    async def retry(self) -> None:
        """Retry the failed deletions; the rest is kept for the next call."""
        with contextlib.suppress(TimeoutError, YarnhubError):
            async with asyncio.timeout(CLEAN_UP_TIMEOUT):
                for path in reversed(list(self._left)):
                    await self._delete(path)
                    self._left.pop(path, None)


def is_abandoned(status: FileStatus, now: float) -> bool:
    """Whether it is an abandoned partial upload.

    Args:
        status: The file's status.
        now: Seconds since 1970.
    """
    name = posixpath.basename(status.path)
    return bool(_NAME.fullmatch(name)) and now - status.modification_time / 1000 > _ABANDONED_AFTER


async def sweep_partials(
    file_system: FileSystem, found: Iterable[FileStatus], now: float
) -> tuple[FileStatus, ...]:
    """Delete the abandoned partial uploads in a list; returns the rest of the list.

    One that cannot be deleted, since it belongs to another user, is kept. Cancelling leaves some.

    Args:
        file_system: The file system of the list.
        found: The entries of a folder.
        now: Seconds since 1970.
    """
    kept = []
    for status in found:
        if not is_abandoned(status, now):
            kept.append(status)
            continue
        with contextlib.suppress(YarnhubError):
            await file_system.delete(status.path, recursive=True)
    return tuple(kept)

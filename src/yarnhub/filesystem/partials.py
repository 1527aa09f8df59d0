"""Content on its way into a file system, which has another name until it is whole.

What is given up is deleted at once where the file system answers, and later where it does not.
Where the process that began it has ended, another that finds it deletes it a day later.
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
"""Seconds given to the removal of what an upload leaves."""
_ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which no upload is under way any more."""
_MAX_KEPT = 1000
"""Names kept at most; there are as many only where a file system is silent for long."""
_NAME = re.compile(r"\..*\.[0-9a-f]{8}\._COPYING_", re.DOTALL)


def partial_name(path: str) -> str:
    """A name beside `path` for content that is not whole yet; never the same twice.

    The ending is that of Hadoop's own shell, so that clean-up rules for it apply.
    """
    folder, name = posixpath.split(path)
    ending = f".{secrets.token_hex(4)}._COPYING_"
    return posixpath.join(folder, with_ending(f".{name}", ending))


def with_ending(name: str, ending: str) -> str:
    """A name with something behind it, cut so that both fit into a file's name."""
    encoded = name.encode(errors="surrogateescape")[: MAX_NAME_BYTES - len(ending.encode())]
    return encoded.decode(errors="ignore") + ending


class Partials:
    """The half uploads of one file system's client.

    Args:
        delete: Deletes one, with all in it; whether it is there does not matter.
    """

    def __init__(self, delete: Callable[[str], Awaitable[object]]) -> None:
        self._delete = delete
        self._left: dict[str, None] = {}

    async def discard(self, path: str) -> None:
        """Delete one that was given up: now, or when the file system answers again."""
        self._left[path] = None
        while len(self._left) > _MAX_KEPT:
            del self._left[next(iter(self._left))]
        await self.retry()

    async def retry(self) -> None:
        """Delete those that could not be deleted; the rest stays for the next time."""
        with contextlib.suppress(TimeoutError, YarnhubError):
            async with asyncio.timeout(CLEAN_UP_TIMEOUT):
                for path in reversed(list(self._left)):
                    await self._delete(path)
                    self._left.pop(path, None)


def is_abandoned(status: FileStatus, now: float) -> bool:
    """Whether it is a half upload that nobody goes on with.

    Args:
        status: What was found.
        now: Seconds since 1970.
    """
    name = posixpath.basename(status.path)
    return bool(_NAME.fullmatch(name)) and now - status.modification_time / 1000 > _ABANDONED_AFTER


async def sweep_partials(
    file_system: FileSystem, found: Iterable[FileStatus], now: float
) -> tuple[FileStatus, ...]:
    """Delete the abandoned half uploads in a list; returns the rest of it.

    One that cannot be deleted, since it is somebody else's, stays. Cancelling leaves some.

    Args:
        file_system: Where they were found.
        found: What a folder holds.
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

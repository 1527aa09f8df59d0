"""Folders in the root that are not published yet, or no more: the next publication sweeps them."""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING

from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.filesystem.partials import Partials

if TYPE_CHECKING:
    from yarnhub.filesystem.port import FileSystem

_BEGIN = ".partial-"
_ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which nobody is expected to continue."""


class PartialFolders:
    """The unfinished folders of one user.

    Args:
        file_system: The cluster's, as the user.
        root: The folder that they are in.
        user: The user's name in HDFS.
    """

    def __init__(self, file_system: FileSystem, root: str, user: str) -> None:
        self._file_system = file_system
        self._root = root
        self._user = user
        self._partials = Partials(functools.partial(file_system.delete, recursive=True))

    def new(self) -> str:
        """The path of a new one, which does not exist."""
        return f"{self._root}/{_BEGIN}{secrets.token_hex(8)}"

    async def discard(self, path: str) -> None:
        """Delete one: now, or when the file system responds again."""
        await self._partials.discard(path)

    async def set_aside(self, url: str) -> str:
        """Let a published folder vanish by one request; returns its new path.

        Raises:
            PathNotFoundError: It does not exist.
        """
        path = self.new()
        await self._file_system.move(url, path)
        return path

    async def sweep(self, now: float) -> tuple[str, ...]:
        """Delete those that nothing has changed for a day; returns their URLs.

        Cancelling leaves the rest for the next time.

        Args:
            now: Seconds since 1970.
        """
        try:
            entries = await self._file_system.list(self._root)
        except PathNotFoundError:
            return ()
        deleted = []
        for each in entries:
            name = each.path.rpartition("/")[2]
            old = now - each.modification_time / 1000 > _ABANDONED_AFTER
            if each.owner == self._user and old and name.startswith(_BEGIN):
                await self._file_system.delete(each.path, recursive=True)
                deleted.append(each.path)
        return tuple(deleted)

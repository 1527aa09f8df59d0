"""ViewFS: each path is looked up in the file system that it is linked to."""

from __future__ import annotations

import posixpath
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.filesystem.errors import FileSystemError
from yarnhub.filesystem.mount_table import SCHEME
from yarnhub.filesystem.paths import Location, local_part

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from yarnhub.filesystem.acl import AclEntry
    from yarnhub.filesystem.mount_table import MountTable
    from yarnhub.filesystem.port import FileStatus, FileSystem


class ViewFileSystem(Closing):
    """One ViewFS, used as one user.

    Results have the URL of the target, which can be read without a mount table: such URLs are
    accepted as paths, too.

    Args:
        table: The mount table.
        open_target: Opens the file system of a target's URL as that user.
    """

    def __init__(
        self,
        table: MountTable,
        open_target: Callable[[str], AbstractAsyncContextManager[FileSystem]],
    ) -> None:
        self._table = table
        self._open_target = open_target
        self._opened: list[FileSystem] = []
        self._stack = AsyncExitStack()

    @property
    def uri(self) -> str:
        """See `FileSystem.uri`."""
        return self._table.uri

    async def home(self) -> str:
        """See `FileSystem.home`."""
        table = self._table
        # The target has the user's name, which is unknown from a token alone.
        known = table.target(table.home) if _linked(table, table.home) else table.targets[0]
        name = posixpath.basename(await (await self._at(known)).home())
        return table.target(posixpath.join(table.home, name))

    async def status(self, path: str) -> FileStatus | None:
        """See `FileSystem.status`."""
        file_system, url = await self._resolve(path)
        return await file_system.status(url)

    async def list(self, path: str) -> Sequence[FileStatus]:
        """See `FileSystem.list`. Links below a folder are not in its list."""
        file_system, url = await self._resolve(path)
        return await file_system.list(url)

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """See `FileSystem.make_directory`."""
        file_system, url = await self._resolve(path)
        await file_system.make_directory(url, permission)

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        """See `FileSystem.upload`."""
        file_system, url = await self._resolve(path)
        return await file_system.upload(local, url, permission, progress)

    async def write(self, path: str, data: bytes, permission: int = 0o600) -> FileStatus:
        """See `FileSystem.write`."""
        file_system, url = await self._resolve(path)
        return await file_system.write(url, data, permission)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `FileSystem.read`."""
        file_system, url = await self._resolve(path)
        async with aclosing(file_system.read(url, offset, length)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def acl(self, path: str) -> tuple[AclEntry, ...]:
        """See `FileSystem.acl`."""
        file_system, url = await self._resolve(path)
        return await file_system.acl(url)

    async def set_access(self, path: str, permission: int, acl: Sequence[AclEntry] = ()) -> None:
        """See `FileSystem.set_access`."""
        file_system, url = await self._resolve(path)
        await file_system.set_access(url, permission, acl)

    async def move(self, path: str, destination: str) -> None:
        """See `FileSystem.move`. Not possible between two targets."""
        file_system, url = await self._resolve(path)
        other, to = await self._resolve(destination)
        if other is not file_system:
            raise FileSystemError("move", url, f"{to} is in another file system")
        await file_system.move(url, to)

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """See `FileSystem.delete`."""
        file_system, url = await self._resolve(path)
        return await file_system.delete(url, recursive=recursive)

    async def aclose(self) -> None:
        """See `FileSystem.aclose`."""
        self._opened.clear()
        await self._stack.aclose()

    async def _resolve(self, path: str) -> tuple[FileSystem, str]:
        location = Location.parse(path)
        inside = location is None or location.scheme == SCHEME
        url = self._table.target(local_part(self.uri, path)) if inside else path
        return await self._at(url), url

    async def _at(self, url: str) -> FileSystem:
        for each in self._opened:
            if _is_of(url, each):
                return each
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(self._open_target(url))
            for each in self._opened:
                if _is_of(url, each):  # another task was faster
                    return each
            self._opened.append(opened)
            self._stack.push_async_exit(stack.pop_all())
        return opened


def _linked(table: MountTable, path: str) -> bool:
    return any(path == at or path.startswith(at.rstrip("/") + "/") for at in table.links)


def _is_of(url: str, file_system: FileSystem) -> bool:
    location, known = Location.parse(url), Location.parse(file_system.uri)
    return location is not None and known is not None and location.is_on(known)

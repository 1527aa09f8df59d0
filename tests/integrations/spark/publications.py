"""Publications on a local file system, which may fail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.integrations.spark import class_data, published
from yarnhub.integrations.spark.installation import find_installation
from yarnhub.integrations.spark.publication import Publication

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.filesystem.port import FileStatus
    from yarnhub.integrations.spark.published import PublishedSpark


class Failing(LocalFileSystem):
    """A file system that fails at one of its changes."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self._left = at
        self._error = error

    def _count(self) -> None:
        if self._left == 0:
            raise self._error
        self._left -= 1

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        self._count()
        await super().make_directory(path, permission)

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        self._count()
        return await super().upload(local, path, permission, progress)

    async def write(self, path: str, data: bytes, permission: int = 0o600) -> FileStatus:
        self._count()
        return await super().write(path, data, permission)

    async def move(self, path: str, destination: str) -> None:
        self._count()
        await super().move(path, destination)

    @property
    def has_failed(self) -> bool:
        return self._left == 0


def publication(
    root: Path, file_system: LocalFileSystem, said: list[str] | None = None
) -> Publication:
    user = Path("/proc/self").owner()
    return Publication(file_system, str(root), user, (said if said is not None else []).append)


async def publish(
    root: Path,
    spark: Path,
    *javas: class_data.Java,
    file_system: LocalFileSystem | None = None,
    said: list[str] | None = None,
) -> tuple[PublishedSpark, tuple[str, ...]]:
    async with file_system or LocalFileSystem() as opened:
        found = find_installation(str(spark))
        return await publication(root, opened, said).publish(found, javas)


async def listed(root: Path) -> tuple[published.FoundFolder, ...]:
    async with LocalFileSystem() as file_system:
        return await published.find_all(file_system, str(root))

"""The directory of HDFS that JupyterLab shows, and operations on its files."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from tornado.web import HTTPError

from yarnhub.filesystem.errors import PathExistsError, PathNotFoundError
from yarnhub.filesystem.partials import sweep_partials, with_ending

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from yarnhub.filesystem.port import FileStatus, FileSystem
    from yarnhub.integrations.contents.file_systems import HdfsSource


def _random_suffix() -> str:
    return f".{secrets.token_hex(4)}"


@dataclass(slots=True)
class Drive:
    """A directory of HDFS under the name that JupyterLab's paths start with.

    Paths have the form of the contents API, such as `hdfs/folder/a.ipynb`.

    Attributes:
        hdfs: The source of the file system.
        name: The first part of each path; empty for none.
        root: The directory in HDFS; empty for the user's home.
        largest: Bytes of the largest file that is read into memory.
    """

    hdfs: HdfsSource
    name: str
    root: str
    largest: int
    _home: str = ""

    async def home(self) -> str:
        """The URL of the user's home."""
        if not self._home:
            self._home = await (await self.hdfs.open()).home()
        return self._home

    async def user(self) -> str:
        """The user's name in HDFS, which is the name of the home directory."""
        return posixpath.basename(await self.home())

    async def locate(self, path: str) -> tuple[FileSystem, str]:
        """The file system, and the URL of a path in it."""
        parts = path.strip("/").split("/")
        if self.name and parts.pop(0) != self.name:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} is not in {self.name}")
        if ".." in parts or "\0" in path:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} is not a path")
        root = self.root.rstrip("/") if self.root else await self.home()
        return await self.hdfs.open(), "/".join([root, *filter(None, parts)]) or "/"

    async def status(self, path: str) -> FileStatus | None:
        """The status of a file or directory; None if it does not exist."""
        file_system, at = await self.locate(path)
        return await file_system.status(at)

    async def list(self, path: str) -> Sequence[FileStatus]:
        """List a directory; abandoned uploads in it are deleted."""
        file_system, at = await self.locate(path)
        now = datetime.now(UTC).timestamp()
        return await sweep_partials(file_system, await file_system.list(at), now)

    async def chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        """A file's content, in chunks."""
        file_system, at = await self.locate(path)
        async with contextlib.aclosing(file_system.read(at)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def read(self, path: str, length: int) -> bytes:
        """A file's whole content, which has `length` bytes.

        Raises:
            HTTPError: It is larger than `largest`.
        """
        if length > self.largest:
            raise HTTPError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{path} has {length >> 20} MiB, more than the {self.largest >> 20} MiB that are"
                " read into the server's memory: download it, or read it from HDFS in a notebook",
            )
        async with contextlib.aclosing(self.chunks(path)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def digest(self, path: str, algorithm: str) -> str:
        """The hash of a file's content."""
        found = hashlib.new(algorithm)
        async with contextlib.aclosing(self.chunks(path)) as chunks:
            async for chunk in chunks:
                found.update(chunk)
        return found.hexdigest()

    async def write(self, path: str, content: bytes | Path, old: FileStatus | None) -> None:
        """Replace a file atomically: readers get the old content or the new one.

        Args:
            path: The path of the file.
            content: The bytes, or a local file that contains them.
            old: The status of an existing file, which keeps its mode; None for a new file.
        """
        file_system, at = await self.locate(path)
        mode = 0o666 & ~self._umask() if old is None else old.permission
        if isinstance(content, bytes):
            await file_system.write(at, content, mode)
        else:
            await file_system.upload(content, at, mode)

    async def make_directory(self, path: str) -> None:
        """Make a directory and its parents."""
        file_system, at = await self.locate(path)
        await file_system.make_directory(at, 0o777 & ~self._umask())

    async def move(self, path: str, destination: str) -> None:
        """Rename a file or directory to a path that does not exist."""
        file_system, at = await self.locate(path)
        _, to = await self.locate(destination)
        await file_system.move(at, to)

    async def copy(self, path: str, destination: str) -> None:
        """Copy a file, which replaces a file at the destination."""
        status = await self.status(path)
        if status is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} not found")
        content = await self.read(path, status.length)
        await self.write(destination, content, status)

    async def delete(self, path: str) -> None:
        """Delete a file or directory permanently, with all its content."""
        file_system, at = await self.locate(path)
        if not await file_system.delete(at, recursive=True):
            raise PathNotFoundError("delete", at, "it does not exist")

    @property
    def has_trash(self) -> bool:
        """Whether HDFS has a trash."""
        interval = self.hdfs.configuration.get("fs.trash.interval") or "0"
        with contextlib.suppress(ValueError):
            return float(interval) > 0
        return False

    async def trash(self, path: str) -> None:
        """Move a file or directory to the user's trash, as `hdfs dfs -rm` does.

        Source: org.apache.hadoop.fs.TrashPolicyDefault, moveToTrash.
        """
        file_system, at = await self.locate(path)
        full_path = at.removeprefix(file_system.uri)
        folder, name = posixpath.split(full_path)
        trash = await self._trash_folder(file_system, folder)
        try:
            await file_system.move(at, f"{trash}/{name}")
        except PathExistsError:
            await file_system.move(at, f"{trash}/{with_ending(name, _random_suffix())}")

    async def _trash_folder(self, file_system: FileSystem, folder: str) -> str:
        """The folder in the trash for the content of a folder, made if it does not exist."""
        found = f"{await self.home()}/.Trash/Current"
        for name in filter(None, folder.split("/")):
            status = await file_system.status(f"{found}/{name}")
            is_file = status is not None and not status.is_directory
            found += f"/{with_ending(name, _random_suffix()) if is_file else name}"
        await file_system.make_directory(found, 0o700)
        return found

    def _umask(self) -> int:
        try:
            return int(self.hdfs.configuration.get("fs.permissions.umask-mode") or "022", 8)
        except ValueError:
            return 0o077  # symbolic, `u=rwx,g=,o=`: fall back to private files

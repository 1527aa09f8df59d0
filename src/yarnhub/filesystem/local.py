"""The local file system (`file://`)."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import pwd
import shutil
import stat
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.filesystem.content import ContentWriter, local_errors
from yarnhub.filesystem.errors import AclsUnavailableError
from yarnhub.filesystem.partials import partial_name
from yarnhub.filesystem.paths import local_part
from yarnhub.filesystem.port import CHUNK_SIZE, FileStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from typing import BinaryIO

    from yarnhub.filesystem.acl import AclEntry

T = TypeVar("T")

URI = "file://"
_NO_ACLS = "access control lists are supported in HDFS only"
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK)
"""link(2) of a file system without hard links, and for a file that has too many."""


class LocalFileSystem(ContentWriter, Closing):
    """The file system of this host, as the user of this process.

    Args:
        deadline: Seconds for one response. A call that hangs in the kernel, for example on a
            network mount, keeps its thread.
    """

    def __init__(self, *, deadline: float = 60.0) -> None:
        self._deadline = deadline

    @property
    def uri(self) -> str:
        """See `FileSystem.uri`."""
        return URI

    async def home(self) -> str:
        """See `FileSystem.home`."""
        return URI + pwd.getpwuid(os.geteuid()).pw_dir

    async def status(self, path: str) -> FileStatus | None:
        """See `FileSystem.status`."""
        try:
            return await self._run("look at", path, _status)
        except FileNotFoundError:
            return None

    async def list(self, path: str) -> Sequence[FileStatus]:
        """See `FileSystem.list`."""
        return await self._run("list", path, _list)

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """See `FileSystem.make_directory`."""
        await self._run("make the directory", path, lambda at: _make_directory(at, permission))

    async def _store(
        self, path: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> FileStatus:
        target = local_part(URI, path)
        partial = Path(partial_name(target))
        async with aclosing(chunks):
            try:
                descriptor = await self._run("write", path, lambda _: _create(partial))
                try:
                    async for chunk in chunks:
                        await self._run("write", path, functools.partial(_write, descriptor, chunk))
                finally:
                    os.close(descriptor)
                return await self._run("write", path, lambda at: _finish(partial, at, permission))
            except BaseException:
                _discard(partial)
                raise

    async def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `FileSystem.read`."""
        file = await self._run("read", path, lambda at: at.open("rb"))
        try:
            left = length
            await self._run("read", path, lambda _: file.seek(offset))
            while left is None or left > 0:
                size = CHUNK_SIZE if left is None else min(left, CHUNK_SIZE)
                chunk = await self._run("read", path, functools.partial(_read, file, size))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk
        finally:
            file.close()

    async def acl(self, path: str) -> tuple[AclEntry, ...]:
        """See `FileSystem.acl`. Not supported."""
        raise AclsUnavailableError(
            "read the access control list of", URI + local_part(URI, path), _NO_ACLS
        )

    async def set_access(self, path: str, permission: int, acl: Sequence[AclEntry] = ()) -> None:
        """See `FileSystem.set_access`. Lists are not supported."""
        action = "set the permissions of"
        if acl:
            raise AclsUnavailableError(action, URI + local_part(URI, path), _NO_ACLS)
        await self._run(action, path, lambda at: _set_permission(at, permission))

    async def move(self, path: str, destination: str) -> None:
        """See `FileSystem.move`."""
        to = Path(local_part(URI, destination))
        await self._run("move", path, lambda at: _move(at, to))

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """See `FileSystem.delete`."""
        try:
            await self._run("delete", path, lambda at: _delete(at, recursive=recursive))
        except FileNotFoundError:
            return False
        return True

    async def aclose(self) -> None:
        """See `FileSystem.aclose`."""

    async def _run(self, action: str, path: str, do: Callable[[Path], T]) -> T:
        at = Path(local_part(URI, path))
        message = f"cannot {action} {URI}{at}: no response within {self._deadline:g} s"
        async with Deadline(self._deadline, message):
            with local_errors(action, URI + str(at)):
                return await asyncio.to_thread(do, at)


def _status(at: Path) -> FileStatus:
    found = at.stat()
    is_directory = stat.S_ISDIR(found.st_mode)
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:  # A user of another host, from which the files were copied.
        owner = str(found.st_uid)
    return FileStatus(
        path=URI + str(at),
        length=0 if is_directory else found.st_size,
        modification_time=found.st_mtime_ns // 1_000_000,
        is_directory=is_directory,
        owner=owner,
        permission=stat.S_IMODE(found.st_mode),
    )


def _list(at: Path) -> list[FileStatus]:
    if not at.is_dir():
        return [_status(at)]
    found = []
    for entry in sorted(at.iterdir()):
        with suppress(FileNotFoundError):  # It was deleted in the meantime.
            found.append(_status(entry))
    return found


def _make_directory(at: Path, permission: int) -> None:
    for folder in (*reversed(at.parents), at):
        with suppress(FileExistsError):
            folder.mkdir()
            # Not by mkdir, which applies the umask of this process.
            folder.chmod(permission)
    if not at.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "a file with that name exists", str(at))


def _set_permission(at: Path, permission: int) -> None:
    sticky = at.stat().st_mode & stat.S_ISVTX
    at.chmod(permission & 0o777 | sticky)


def _create(partial: Path) -> int:
    partial.parent.mkdir(parents=True, exist_ok=True)
    return os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _discard(partial: Path) -> None:
    with suppress(OSError, ValueError):
        partial.unlink(missing_ok=True)


def _read(file: BinaryIO, size: int, _: Path) -> bytes:
    return file.read(size)


def _write(descriptor: int, chunk: bytes, _: Path) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _finish(partial: Path, at: Path, permission: int) -> FileStatus:
    partial.chmod(permission)
    partial.replace(at)
    return _status(at)


def _move(at: Path, to: Path) -> None:
    # A rename would replace a file that somebody else creates at the same moment.
    if at.is_dir() and not at.is_symlink():
        to.mkdir()  # fails if it exists; a rename replaces only an empty directory
        try:
            at.rename(to)
        except BaseException:
            with suppress(OSError):
                to.rmdir()
            raise
        return
    try:
        os.link(at, to, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if to.exists():
            raise FileExistsError(errno.EEXIST, f"{to} exists") from None
        at.rename(to)
    else:
        at.unlink()


def _delete(at: Path, *, recursive: bool) -> None:
    if not at.is_dir() or at.is_symlink():
        at.unlink()
    elif recursive:
        shutil.rmtree(at)
    else:
        at.rmdir()

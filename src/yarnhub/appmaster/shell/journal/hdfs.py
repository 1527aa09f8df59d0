"""The journal of an ApplicationMaster in HDFS, where the next one can read it from any node.

A change is stored in an extended attribute of a directory, which takes the NameNode a few
milliseconds; a file takes up to half a second to close, so only changes that are too large for an
attribute become files. See docs/decisions/journal.md.

    <folder>/state-<attempt>/snapshot        everything before the first part
    <folder>/state-<attempt>/<part>          a directory: changes in its attributes, in order
    <folder>/state-<attempt>/<part>.large    a file: one change

The next attempt renames the folder, so that an attempt that is still running can no longer write.
"""

from __future__ import annotations

import logging
import re
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.filesystem.errors import FileSystemError, PathNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.filesystem.webhdfs import WebHdfsFileSystem

_log = logging.getLogger(__name__)

_PER_DIRECTORY = 24
"""Attributes in one directory; HDFS allows 32, some of which other programs may set."""
_ATTRIBUTE = 12 * 1024
"""Bytes of a change in an attribute; HDFS allows 16 KiB."""
_PARTS = 12
"""Parts after which a snapshot replaces them."""
_NAME = "user.yarnhub."
_SNAPSHOT = "snapshot"
_LARGE = ".large"
_PART = re.compile(rf"\d+({re.escape(_LARGE)})?", re.ASCII)


class HdfsJournal:
    """One application's journal; see `Journal`.

    Args:
        file_system: The file system, as the application's user.
        folder: The application's folder.
        attempt: The number of this attempt.

    Attributes:
        folder: The folder of this attempt.
    """

    def __init__(self, file_system: WebHdfsFileSystem, folder: str, attempt: int) -> None:
        self._file_system = file_system
        self._base = f"{folder}/state-"
        self.folder = f"{self._base}{attempt}"
        self._attempt = attempt
        self._part = 0
        self._attributes = _PER_DIRECTORY
        """The number of changes in the last part; full before the first one."""
        self._parts: list[str] = []
        """The parts next to the snapshot."""

    async def load(self) -> list[bytes]:
        """See `Journal.load`."""
        for attempt in range(self._attempt - 1, 0, -1):
            if await self._file_system.rename(f"{self._base}{attempt}", self.folder):
                break
        else:
            await self._file_system.make_directory(self.folder, 0o700)
        names = {
            status.path.rpartition("/")[2] for status in await self._file_system.list(self.folder)
        }
        changes: list[bytes] = []
        covered = 0
        if _SNAPSHOT in names:
            number, _, snapshot = _unpack(await self._read(_SNAPSHOT)).partition(b"\n")
            covered = self._part = int(number)
            changes.append(snapshot)
        # An attempt that was killed may have left an incomplete file.
        self._parts = sorted(filter(_PART.fullmatch, names))
        for name in self._parts:
            self._part = int(name.removesuffix(_LARGE))
            if self._part > covered:
                changes += await self._changes(name)
        return changes

    async def _changes(self, name: str) -> list[bytes]:
        if name.endswith(_LARGE):
            return _unpack(await self._read(name)).split(b"\n")
        found = await self._file_system.attributes(f"{self.folder}/{name}")
        ours = sorted(key for key in found if key.startswith(_NAME))
        return [change for key in ours for change in _unpack(found[key]).split(b"\n")]

    async def _read(self, name: str) -> bytes:
        async with aclosing(self._file_system.read(f"{self.folder}/{name}")) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def append(self, changes: Sequence[bytes]) -> None:
        """See `Journal.append`."""
        packed = zlib.compress(b"\n".join(changes))
        if len(packed) <= _ATTRIBUTE:
            try:
                await self._set_attribute(packed)
            except PathNotFoundError:
                raise  # another attempt has taken over
            except FileSystemError as error:
                _log.warning("the NameNode refuses an attribute, writing a file: %s", error)
            else:
                return
        await self._write(self._next(_LARGE), packed)
        self._attributes = _PER_DIRECTORY

    async def _set_attribute(self, packed: bytes) -> None:
        if self._attributes == _PER_DIRECTORY:
            folder = self._next()
            await self._check_ours()
            await self._file_system.make_directory(f"{self.folder}/{folder}", 0o700)
            self._attributes = 0
        name = f"{_NAME}{self._attributes:02d}"
        self._attributes += 1
        await self._file_system.set_attribute(f"{self.folder}/{self._parts[-1]}", name, packed)

    def _next(self, kind: str = "") -> str:
        self._part += 1
        self._parts.append(f"{self._part:08d}{kind}")
        return self._parts[-1]

    async def _write(self, name: str, packed: bytes) -> None:
        await self._check_ours()
        await self._file_system.write(f"{self.folder}/{name}", packed)

    async def _check_ours(self) -> None:
        """Check that no other attempt has taken over: HDFS would create the folder again."""
        if await self._file_system.status(self.folder) is None:
            raise PathNotFoundError("write", self.folder, "another attempt has taken over")

    async def compact(self, snapshot: bytes) -> None:
        """See `Journal.compact`."""
        if not self._part:
            await self.append([snapshot])
            return
        await self._write(_SNAPSHOT, zlib.compress(b"%d\n%b" % (self._part, snapshot)))
        parts, self._parts = self._parts, []
        self._attributes = _PER_DIRECTORY
        for name in parts:
            await self._file_system.delete(f"{self.folder}/{name}", recursive=True)

    @property
    def overgrown(self) -> bool:
        """See `Journal.overgrown`."""
        return len(self._parts) > _PARTS

    async def delete(self) -> None:
        """See `Journal.delete`."""
        await self._file_system.delete(self.folder, recursive=True)


def _unpack(packed: bytes) -> bytes:
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        raise RemoteProtocolError(f"a recorded change is damaged: {error}") from error

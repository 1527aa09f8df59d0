"""The journal of an ApplicationMaster that the next one, on any node, can read: in HDFS.

A change goes into an extended attribute of a directory, which the NameNode keeps by itself in a
few milliseconds; a file takes up to half a second to close, so only what is too large for an
attribute becomes one. See docs/decisions/journal.md.

    <folder>/state-<attempt>/snapshot        all that was before the first part
    <folder>/state-<attempt>/<part>          a directory: changes in its attributes, in order
    <folder>/state-<attempt>/<part>.large    a file: one change

The next attempt renames the folder, so that one that was believed dead can write no more.
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
"""Attributes in one directory; HDFS allows 32, some of which others may set."""
_ATTRIBUTE = 12 * 1024
"""Bytes of a change that becomes one; HDFS allows 16 KiB."""
_PARTS = 12
"""Parts after which a snapshot takes their place."""
_NAME = "user.yarnhub."
_SNAPSHOT = "snapshot"
_LARGE = ".large"
_PART = re.compile(rf"\d+({re.escape(_LARGE)})?", re.ASCII)


class HdfsJournal:
    """One application's journal; see `Journal`.

    Args:
        file_system: Where, as the application's user.
        folder: The application's own.
        attempt: The number of this attempt.

    Attributes:
        folder: This attempt's.
    """

    def __init__(self, file_system: WebHdfsFileSystem, folder: str, attempt: int) -> None:
        self._file_system = file_system
        self._base = f"{folder}/state-"
        self.folder = f"{self._base}{attempt}"
        self._attempt = attempt
        self._part = 0
        self._attributes = _PER_DIRECTORY
        """How many the last part has; full before there is one."""
        self._parts: list[str] = []
        """What stands beside the snapshot."""

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
        # Beside them may be what an attempt was writing when it was killed.
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
                _log.warning("the NameNode takes no attribute, writing a file: %s", error)
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
        """See that no other attempt has taken over: HDFS would make the folder anew."""
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

"""Files that many applications share: uploaded once, found by the hash of their content.

They are deleted if no application has used them for a long time. An application's own files are in
`staging`.

    <folder>/<name>/<random><suffix>    one upload
    <folder>/<name>/.used               when it was last used, to the day

An upload is never replaced, since YARN refuses a file that has changed since an application that
uses it was submitted (FSDownload.verifyAndCopy).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.filesystem.partials import sweep_partials
from yarnhub.spec.file import File, FileVisibility, inferred_type

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from yarnhub.filesystem.port import FileStatus, FileSystem

_DAY = 24 * 3600.0
MAX_UNUSED_SECONDS = 90 * _DAY
"""Seconds after which an artifact that no submission has used is deleted. An application that is
still running has it on its nodes, but a new node cannot fetch it."""
_USED_SUFFIX = ".used"
_OTHERS_EXECUTE, _OTHERS_WRITE = 0o001, 0o022


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file on this machine.

    Attributes:
        path: Where.
        name: The name of its content, so it contains a hash; one path segment.
        suffix: The suffix, from which YARN derives how to unpack it: for example `.tar.gz`.
    """

    path: Path
    name: str
    suffix: str


class Artifacts:
    """The artifacts in one folder.

    Args:
        file_system: The cluster's, as the folder's owner.
        folder: Its URL or path; created when needed.
        shared: Whether other users may read them. Nodes then keep one copy for all users (PUBLIC)
            if others can enter all parent folders; otherwise one for each user (PRIVATE).
        owners: The users whose files and folders are used, if nobody else can write them; None for
            all users.
    """

    def __init__(
        self,
        file_system: FileSystem,
        folder: str,
        *,
        shared: bool = True,
        owners: Collection[str] | None = None,
    ) -> None:
        self._file_system = file_system
        self._folder = folder
        self._shared = shared
        self._owners = owners

    async def publish(
        self, artifact: Artifact, progress: Callable[[Path, int, int], None] | None = None
    ) -> File:
        """An artifact as a file of a specification, uploaded unless it exists.

        Cancelling leaves no incomplete artifact behind.

        Args:
            artifact: The file; it is read only if it must be uploaded.
            progress: Called with the file, the bytes sent, and all bytes.

        Raises:
            ConfigurationError: Another user could replace the artifact.
        """
        size = (await asyncio.to_thread(artifact.path.stat)).st_size
        folder = f"{self._folder}/{artifact.name}"
        for each in (self._folder, folder):
            await self._check(each)
        found = await self._list(folder)
        status = next(
            (
                each
                for each in found
                if each.path.endswith(artifact.suffix)
                and each.length == size
                and not self._problem(each)
            ),
            None,
        )
        if status is None:
            for made in (self._folder, folder):
                await self._file_system.make_directory(made, 0o755 if self._shared else 0o700)
            # Two concurrent clients upload two copies: neither may delete the other's.
            status = await self._file_system.upload(
                artifact.path,
                f"{folder}/{secrets.token_hex(8)}{artifact.suffix}",
                0o644 if self._shared else 0o600,
                None if progress is None else lambda sent: progress(artifact.path, sent, size),
            )
        await self._mark_used(folder, found)
        return File(
            source=status.path,
            type=inferred_type(artifact.suffix),
            visibility=await self._visibility(folder),
            size=status.length,
            timestamp=status.modification_time,
        )

    async def delete_unused(
        self, now: float, *, unused_for: float = MAX_UNUSED_SECONDS
    ) -> tuple[str, ...]:
        """Delete artifacts that were not used for a long time; returns their names.

        Cancelling leaves the rest for the next time.

        Args:
            now: Seconds since 1970.
            unused_for: Seconds.
        """
        deleted = []
        for status in await self._list(self._folder):
            if not status.is_directory:
                continue
            found = await self._list(status.path)
            if not any(each.path.endswith(_USED_SUFFIX) for each in found):
                # From a version that recorded no uses: applications of yesterday may need it.
                await self._mark_used(status.path, found)
                continue
            times = [each.modification_time / 1000 for each in (status, *found)]
            if now - max(times) > unused_for:
                await self._file_system.delete(status.path, recursive=True)
                deleted.append(status.path.rpartition("/")[2])
        return tuple(deleted)

    async def _check(self, folder: str) -> None:
        """Refuse a folder in which another user could replace files."""
        status = await self._file_system.status(folder) if self._owners is not None else None
        if status is not None and (problem := self._problem(status)):
            raise ConfigurationError(
                f"{status.path} {problem}, who could replace programs that run as you: move it "
                f"away with `hdfs dfs -mv`, or, if what it contains is yours, restrict it with "
                f"`hdfs dfs -chmod go-w {status.path}`"
            )

    def _problem(self, status: FileStatus) -> str:
        """Which other user can change a file or a folder; empty for none."""
        if self._owners is None:
            return ""
        if status.owner not in self._owners:
            return f"belongs to {status.owner}"
        return "can be written by other users" if status.permission & _OTHERS_WRITE else ""

    async def _list(self, folder: str) -> Sequence[FileStatus]:
        try:
            found = await self._file_system.list(folder)
        except PathNotFoundError:
            return ()
        return await sweep_partials(self._file_system, found, datetime.now(UTC).timestamp())

    async def _mark_used(self, folder: str, found: Sequence[FileStatus]) -> None:
        """Record the use, once a day; errors are ignored."""
        now = datetime.now(UTC).timestamp()
        marks = [
            each.modification_time / 1000 for each in found if each.path.endswith(_USED_SUFFIX)
        ]
        if not marks or now - max(marks) > _DAY:
            with contextlib.suppress(YarnhubError):
                await self._file_system.write(f"{folder}/{_USED_SUFFIX}", b"")

    async def _visibility(self, folder: str) -> FileVisibility:
        """PUBLIC, unless others cannot enter a folder: a node would refuse it as PUBLIC then.

        Source: org.apache.hadoop.yarn.util.FSDownload.isPublic.
        """
        if not self._shared:
            return FileVisibility.PRIVATE
        at = folder
        while at.removeprefix(self._file_system.uri).strip("/"):
            status = await self._file_system.status(at)
            if status is None or not status.permission & _OTHERS_EXECUTE:
                return FileVisibility.PRIVATE
            at = at.rpartition("/")[0]
        return FileVisibility.PUBLIC

"""The runtime archive: a Python for the ApplicationMaster on nodes that have none.

It lies in the user's home on the cluster's file system, in a folder named by the sum of its
content, and is uploaded once. A file there is never replaced or deleted by us: YARN refuses one
that has changed since an application that uses it was submitted.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yarnhub.filesystem.partials import sweep_partials
from yarnhub.spec.file import File, FileType, FileVisibility

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yarnhub.filesystem.port import FileStatus, FileSystem

FOLDER = ".yarnhub-runtime"
"""In the user's home, and in the ApplicationMaster's container, where it is unpacked."""
PYTHON = f"{FOLDER}/bin/python3"
"""Where the container finds the interpreter."""
VARIABLE = "YARNHUB_PYTHON"
"""Names the interpreter: an absolute path that all nodes have, or `ARCHIVE`."""
ARCHIVE = "archive"
_SUFFIX = ".tar.gz"
_OTHERS_ENTER = 0o001


async def published(
    file_system: FileSystem,
    archive: Path,
    progress: Callable[[Path, int, int], None] | None = None,
) -> File:
    """The archive as a file that nodes may share, uploaded unless it is there.

    Cancelling leaves nothing behind that would be taken for an archive.

    Args:
        file_system: The cluster's, as the user.
        archive: On this machine; see `interpreter.cached`.
        progress: Is told how far the upload is.
    """
    size = (await asyncio.to_thread(archive.stat)).st_size
    parent = f"{await file_system.home()}/{FOLDER}"
    folder = f"{parent}/{archive.name.removesuffix(_SUFFIX)}"
    status = await _find(file_system, folder, size)
    if status is None:
        for made in (parent, folder):
            await file_system.make_directory(made, 0o755)
        # Two clients at once upload two: neither may take the other's away.
        status = await file_system.upload(
            archive,
            f"{folder}/{secrets.token_hex(8)}{_SUFFIX}",
            0o644,
            None if progress is None else lambda sent: progress(archive, sent, size),
        )
    return File(
        source=status.path,
        type=FileType.ARCHIVE,
        visibility=await _visibility(file_system, folder),
        size=status.length,
        timestamp=status.modification_time,
    )


async def _find(file_system: FileSystem, folder: str, size: int) -> FileStatus | None:
    if await file_system.status(folder) is None:
        return None
    now = datetime.now(UTC).timestamp()
    for status in await sweep_partials(file_system, await file_system.list(folder), now):
        if status.path.endswith(_SUFFIX) and status.length == size:
            return status
    return None


async def _visibility(file_system: FileSystem, folder: str) -> FileVisibility:
    """PUBLIC, unless a folder keeps others out: then a node refuses it as PUBLIC.

    Source: org.apache.hadoop.yarn.util.FSDownload.isPublic.
    """
    at = folder
    while at.removeprefix(file_system.uri).strip("/"):
        status = await file_system.status(at)
        if status is None or not status.permission & _OTHERS_ENTER:
            return FileVisibility.PRIVATE
        at = at.rpartition("/")[0]
    return FileVisibility.PUBLIC

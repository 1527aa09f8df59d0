"""Chunked uploads, kept on the server's disk until they are complete.

JupyterLab sends files of more than 1 MB in chunks, numbered from 1; the last one is -1. A file
appears in HDFS only when it is complete.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from tornado.web import HTTPError

from yarnhub.filesystem.content import local_errors

if TYPE_CHECKING:
    from yarnhub.integrations.contents.models import Model

_LAST_CHUNK = -1


@dataclass(slots=True)
class _Upload:
    file: tempfile._TemporaryFileWrapper[bytes]
    next_chunk: int = 1
    size: int = 0


@dataclass(slots=True)
class Uploads:
    """Incomplete uploads, by API path."""

    _uploads: dict[str, _Upload] = field(default_factory=dict)

    async def take(self, path: str, chunk: int, content: bytes) -> Path | None:
        """Take a chunk; returns the complete file after the last one.

        Raises:
            HTTPError: It is out of order: two uploads of a file overlap, or one was interrupted.
        """
        if chunk == 1:
            self.drop(path)
            # Deleted when it is closed, by `drop`.
            self._uploads[path] = _Upload(tempfile.NamedTemporaryFile(prefix="upload-"))  # noqa: SIM115
        upload = self._uploads.get(path)
        if upload is None or chunk not in {upload.next_chunk, _LAST_CHUNK}:
            raise HTTPError(
                HTTPStatus.CONFLICT,
                f"the upload of {path} was interrupted or overlaps with another one: try again",
            )
        upload.next_chunk += 1
        upload.size += len(content)
        file = Path(upload.file.name)
        await asyncio.to_thread(append, file, content)
        return file if chunk == _LAST_CHUNK else None

    def drop(self, path: str) -> None:
        """Discard the chunks of a file."""
        upload = self._uploads.pop(path, None)
        if upload is not None:
            upload.file.close()

    def model(self, path: str) -> Model:
        """The model of an incomplete file."""
        now = datetime.now(UTC)
        return {
            "name": posixpath.basename(path),
            "path": path,
            "type": "file",
            "created": now,
            "last_modified": now,
            "size": self._uploads[path].size,
            "writable": True,
            "mimetype": None,
            "content": None,
            "format": None,
        }


def append(file: Path, content: bytes) -> None:
    """Append to a file, which is created if it does not exist.

    Raises:
        FileSystemError: The disk is full, for example.
        AccessDeniedError: The user may not write there.
    """
    with local_errors("write", file):
        size = file.stat().st_size if file.exists() else 0
        try:
            with file.open("ab") as stream:
                stream.write(content)
        except OSError:
            # A repeated chunk must not follow a partly written one.
            with contextlib.suppress(OSError):
                os.truncate(file, size)
            raise

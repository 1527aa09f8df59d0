"""Uploads that come in pieces, kept on the server's disk until they are whole.

JupyterLab sends what is larger than a megabyte in pieces, numbered from 1, the last one -1. HDFS
sees none of them: a file appears there whole or not at all.
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

_LAST = -1


@dataclass(slots=True)
class _Upload:
    file: tempfile._TemporaryFileWrapper[bytes]
    next_piece: int = 1
    size: int = 0


@dataclass(slots=True)
class Uploads:
    """Files of which only some pieces have come, by their API paths."""

    _uploads: dict[str, _Upload] = field(default_factory=dict)

    async def take(self, path: str, piece: int, content: bytes) -> Path | None:
        """Take a piece; returns the whole file when it was the last one.

        Raises:
            HTTPError: Another one was due: two uploads of the same file cross, or one broke off.
        """
        if piece == 1:
            self.drop(path)
            # Removed when it is closed, by `drop`.
            self._uploads[path] = _Upload(tempfile.NamedTemporaryFile(prefix="upload-"))  # noqa: SIM115
        upload = self._uploads.get(path)
        if upload is None or piece not in {upload.next_piece, _LAST}:
            raise HTTPError(
                HTTPStatus.CONFLICT,
                f"the upload of {path} broke off, or another one of it runs: begin it again",
            )
        upload.next_piece += 1
        upload.size += len(content)
        file = Path(upload.file.name)
        await asyncio.to_thread(append, file, content)
        return file if piece == _LAST else None

    def drop(self, path: str) -> None:
        """Forget what has come of a file."""
        upload = self._uploads.pop(path, None)
        if upload is not None:
            upload.file.close()

    def model(self, path: str) -> Model:
        """The model of a file that is not whole yet."""
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
    """Add to a file, which is made where there is none.

    Raises:
        FileSystemError: The disk is full, say.
        AccessDeniedError: The user may not write there.
    """
    with local_errors("write", file):
        size = file.stat().st_size if file.exists() else 0
        try:
            with file.open("ab") as stream:
                stream.write(content)
        except OSError:
            # Sent once more, it would stand behind what fitted of it.
            with contextlib.suppress(OSError):
                os.truncate(file, size)
            raise

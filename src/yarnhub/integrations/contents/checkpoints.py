"""Checkpoints of files in HDFS: one for each file, in a hidden folder next to it."""

from __future__ import annotations

import hashlib
import posixpath
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from tornado.web import HTTPError

from yarnhub.filesystem.partials import MAX_NAME_BYTES, with_ending
from yarnhub.integrations.contents.errors import http_errors

if TYPE_CHECKING:
    from yarnhub.filesystem.port import FileStatus
    from yarnhub.integrations.contents.drive import Drive

FOLDER = ".ipynb_checkpoints"
_ID = "checkpoint"


class HdfsCheckpoints(AsyncCheckpoints):
    """The last checkpoint of each file, under the name that jupyter_server uses on disk."""

    @property
    def _drive(self) -> Drive:
        drive: Drive = self.parent.drive
        return drive

    async def create_checkpoint(self, contents_mgr: Any, path: str) -> dict[str, Any]:
        """Save the current content of a file."""
        with http_errors():
            await self._drive.make_directory(posixpath.join(posixpath.dirname(path), FOLDER))
            await self._drive.copy(path, _checkpoint_path(path))
            return _model(await self._found(path))

    async def restore_checkpoint(self, contents_mgr: Any, checkpoint_id: str, path: str) -> None:
        """Restore a file from its checkpoint."""
        with http_errors():
            self._check(checkpoint_id, path)
            await self._found(path)
            await self._drive.copy(_checkpoint_path(path), path)

    async def list_checkpoints(self, path: str) -> list[dict[str, Any]]:
        """The file's checkpoint, if it has one."""
        with http_errors():
            status = await self._drive.status(_checkpoint_path(path))
            return [] if status is None else [_model(status)]

    async def rename_checkpoint(self, checkpoint_id: str, old_path: str, new_path: str) -> None:
        """Move the checkpoint with its file."""
        with http_errors():
            self._check(checkpoint_id, old_path)
            await self._drive.make_directory(posixpath.join(posixpath.dirname(new_path), FOLDER))
            # The checkpoint of an earlier file of this name is obsolete.
            if await self._drive.status(_checkpoint_path(new_path)) is not None:
                await self._drive.delete(_checkpoint_path(new_path))
            await self._drive.move(_checkpoint_path(old_path), _checkpoint_path(new_path))

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Delete the checkpoint."""
        with http_errors():
            self._check(checkpoint_id, path)
            await self._drive.delete(_checkpoint_path(path))

    def _check(self, checkpoint_id: str, path: str) -> None:
        if checkpoint_id != _ID:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} has no checkpoint {checkpoint_id}")

    async def _found(self, path: str) -> FileStatus:
        status = await self._drive.status(_checkpoint_path(path))
        if status is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} has no checkpoint")
        return status


def _checkpoint_path(path: str) -> str:
    """The path of a file's checkpoint: `a/.ipynb_checkpoints/b-checkpoint.ipynb`."""
    folder, name = posixpath.split(path.strip("/"))
    stem, suffix = posixpath.splitext(name)
    kept = f"{stem}-{_ID}{suffix}"
    if len(kept.encode(errors="surrogateescape")) > MAX_NAME_BYTES:
        # Two names that differ only in what is cut off need different checkpoints.
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]
        kept = with_ending(stem, f"-{digest}-{_ID}")
    return posixpath.join(folder, FOLDER, kept)


def _model(status: FileStatus) -> dict[str, Any]:
    return {
        "id": _ID,
        "last_modified": datetime.fromtimestamp(status.modification_time / 1000, UTC),
    }

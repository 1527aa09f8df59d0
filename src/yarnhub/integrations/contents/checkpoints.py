"""Checkpoints of files in HDFS: one for each, beside it in a hidden folder."""

from __future__ import annotations

import hashlib
import posixpath
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from tornado.web import HTTPError

from yarnhub.filesystem.partials import LONGEST_NAME, with_ending
from yarnhub.integrations.contents.errors import refusals

if TYPE_CHECKING:
    from yarnhub.filesystem.port import FileStatus
    from yarnhub.integrations.contents.drive import Tree

FOLDER = ".ipynb_checkpoints"
_ID = "checkpoint"


class HdfsCheckpoints(AsyncCheckpoints):
    """The last state of a file that the user asked to keep, as jupyter_server keeps it on disk."""

    @property
    def _tree(self) -> Tree:
        tree: Tree = self.parent.tree
        return tree

    async def create_checkpoint(self, contents_mgr: Any, path: str) -> dict[str, Any]:
        """Keep what the file holds now."""
        with refusals():
            await self._tree.make_directory(posixpath.join(posixpath.dirname(path), FOLDER))
            await self._tree.copy(path, _place(path))
            return _model(await self._found(path))

    async def restore_checkpoint(self, contents_mgr: Any, checkpoint_id: str, path: str) -> None:
        """Have the file hold what was kept."""
        with refusals():
            self._check(checkpoint_id, path)
            await self._found(path)
            await self._tree.copy(_place(path), path)

    async def list_checkpoints(self, path: str) -> list[dict[str, Any]]:
        """The file's checkpoint, if there is one."""
        with refusals():
            status = await self._tree.status(_place(path))
            return [] if status is None else [_model(status)]

    async def rename_checkpoint(self, checkpoint_id: str, old_path: str, new_path: str) -> None:
        """Take the checkpoint along with its file."""
        with refusals():
            self._check(checkpoint_id, old_path)
            await self._tree.make_directory(posixpath.join(posixpath.dirname(new_path), FOLDER))
            # One that is left of a file that had the name before is nobody's.
            if await self._tree.status(_place(new_path)) is not None:
                await self._tree.delete(_place(new_path))
            await self._tree.move(_place(old_path), _place(new_path))

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Forget what was kept."""
        with refusals():
            self._check(checkpoint_id, path)
            await self._tree.delete(_place(path))

    def _check(self, checkpoint_id: str, path: str) -> None:
        if checkpoint_id != _ID:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} has no checkpoint {checkpoint_id}")

    async def _found(self, path: str) -> FileStatus:
        status = await self._tree.status(_place(path))
        if status is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} has no checkpoint")
        return status


def _place(path: str) -> str:
    """Where a file's checkpoint is: `a/.ipynb_checkpoints/b-checkpoint.ipynb`."""
    folder, name = posixpath.split(path.strip("/"))
    stem, suffix = posixpath.splitext(name)
    kept = f"{stem}-{_ID}{suffix}"
    if len(kept.encode(errors="surrogateescape")) > LONGEST_NAME:
        # What is cut off must not make one of two files.
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]
        kept = with_ending(stem, f"-{digest}-{_ID}")
    return posixpath.join(folder, FOLDER, kept)


def _model(status: FileStatus) -> dict[str, Any]:
    return {
        "id": _ID,
        "last_modified": datetime.fromtimestamp(status.modification_time / 1000, UTC),
    }

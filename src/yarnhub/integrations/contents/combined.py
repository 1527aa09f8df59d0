"""HDFS and the server's own folder in one file browser."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado.web import HTTPError
from traitlets import Instance, default

from yarnhub.base.errors import YarnhubError
from yarnhub.filesystem.partials import partial_name
from yarnhub.integrations.contents.errors import http_errors
from yarnhub.integrations.contents.files_handler import FilesHandler
from yarnhub.integrations.contents.hdfs import HdfsContents
from yarnhub.integrations.contents.local import OwnFiles
from yarnhub.integrations.contents.uploads import append

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.integrations.contents.models import Model

_SHARED_TRAITS = (
    "allow_hidden",
    "hide_globs",
    "pre_save_hook",
    "untitled_directory",
    "untitled_file",
    "untitled_notebook",
)
"""Traits that apply to both, however they were set."""


class ContentsWithHdfs(OwnFiles):
    """The server's own folder, and in it the user's files in HDFS as one more folder."""

    hdfs = Instance(HdfsContents, allow_none=True)

    @default("hdfs")
    def _default_hdfs(self) -> HdfsContents | None:
        shared = {
            name: getattr(self, name) for name in _SHARED_TRAITS if getattr(self, name) is not None
        }
        hdfs = HdfsContents(parent=self, **shared)
        try:
            hdfs.hdfs  # noqa: B018  # fails here, at the first access
        except YarnhubError as error:
            self.log.warning("HDFS is not shown in JupyterLab: %s", error)
            return None
        if Path(self.root_dir, hdfs.folder).exists():
            self.log.warning(
                "%s/%s is not shown in JupyterLab: HDFS uses its name; set HdfsContents.folder",
                self.root_dir,
                hdfs.folder,
            )
        return hdfs

    @default("files_handler_class")
    def _files_handler_class_default(self) -> type[FilesHandler]:
        return FilesHandler

    def register_pre_save_hook(self, hook: str | Callable[..., Any]) -> None:
        """Register a hook that is called before each save, in HDFS and on disk."""
        super().register_pre_save_hook(hook)
        if self.hdfs is not None:
            self.hdfs.register_pre_save_hook(hook)

    def on_hdfs(self, path: str) -> HdfsContents | None:
        """The manager of a path in HDFS; None for the server's own folder."""
        hdfs: HdfsContents | None = self.hdfs
        if hdfs is not None and path.strip("/").partition("/")[0] == hdfs.folder:
            return hdfs
        return None

    def _manager(self, path: str) -> Any:  # the type of super() cannot be written
        return self.on_hdfs(path) or super()

    # -- in HDFS or in the server's own folder

    async def dir_exists(self, path: str) -> bool:
        """Whether a directory exists."""
        return bool(await self._manager(path).dir_exists(path))

    async def file_exists(self, path: str) -> bool:
        """Whether a file exists."""
        return bool(await self._manager(path).file_exists(path))

    def exists(self, path: str) -> bool | Awaitable[bool]:
        """Whether a file or directory exists; the base class does not await it for its files."""
        found: bool | Awaitable[bool] = self._manager(path).exists(path)
        return found

    async def is_hidden(self, path: str) -> bool:
        """Whether the path is hidden."""
        return bool(await self._manager(path).is_hidden(path))

    async def get_kernel_path(self, path: str, model: Model | None = None) -> str:
        """The folder in which a notebook's kernel starts."""
        return str(await self._manager(path).get_kernel_path(path, model))

    async def get(self, path: str, content: bool = True, **options: Any) -> Model:
        """The model of a file or directory."""
        model: Model = await self._manager(path).get(path, content, **options)
        if content and self.hdfs is not None and not path.strip("/"):
            others = [found for found in model["content"] if found["path"] != self.hdfs.folder]
            model["content"] = [*others, _folder(self.hdfs.folder)]
        return model

    async def save(self, model: Model, path: str = "") -> Model:
        """Save a file or make a directory."""
        saved: Model = await self._manager(path).save(model, path)
        return saved

    async def delete(self, path: str) -> None:
        """Delete a file or directory and its checkpoints."""
        await self._manager(path).delete(path)

    async def create_checkpoint(self, path: str) -> Model:
        """Save the current content of a file as a checkpoint."""
        created: Model = await self._manager(path).create_checkpoint(path)
        return created

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Restore a file from a checkpoint."""
        await self._manager(path).restore_checkpoint(checkpoint_id, path)

    async def list_checkpoints(self, path: str) -> list[Model]:
        """List the checkpoints of a file."""
        found: list[Model] = await self._manager(path).list_checkpoints(path)
        return found

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Delete a checkpoint."""
        await self._manager(path).delete_checkpoint(checkpoint_id, path)

    # -- between HDFS and the server's own folder

    async def rename(self, old_path: str, new_path: str) -> None:
        """Rename a file or directory; a file may move between HDFS and the server's folder."""
        old, new = self.on_hdfs(old_path), self.on_hdfs(new_path)
        if old is new:
            await self._manager(old_path).rename(old_path, new_path)
            return
        await self._check_move(old_path, new_path)
        if new is not None:
            await new.receive(Path(self._get_os_path(old_path)), new_path)
        elif old is not None:
            await self._fetch(old, old_path, Path(self._get_os_path(new_path)))
        # Only now is the copy complete.
        await self.delete(old_path)
        self.emit(data={"action": "rename", "path": new_path, "source_path": old_path})

    async def _check_move(self, old_path: str, new_path: str) -> None:
        if not self.allow_hidden and (
            await self.is_hidden(old_path) or await self.is_hidden(new_path)
        ):
            raise HTTPError(HTTPStatus.BAD_REQUEST, f"cannot move {old_path}: it is hidden")
        if await self.dir_exists(old_path):
            raise HTTPError(
                HTTPStatus.BAD_REQUEST,
                f"cannot move {old_path}: folders cannot be moved between HDFS and the"
                " server's own folder; move the files in it",
            )
        if not await self.file_exists(old_path):
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{old_path} not found")
        if await ensure_async(self.exists(new_path)):
            raise HTTPError(HTTPStatus.CONFLICT, f"{new_path} already exists")

    async def _fetch(self, hdfs: HdfsContents, path: str, target: Path) -> None:
        partial = Path(partial_name(str(target)))
        try:
            with http_errors():
                await asyncio.to_thread(append, partial, b"")
                async with contextlib.aclosing(hdfs.drive.chunks(path)) as chunks:
                    async for chunk in chunks:
                        await asyncio.to_thread(append, partial, chunk)
                await asyncio.to_thread(partial.rename, target)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)

    async def copy(self, from_path: str, to_path: str | None = None) -> Model:
        """Copy a file or, on the server's own disk, a folder."""
        if self.on_hdfs(from_path) or (to_path is not None and self.on_hdfs(to_path)):
            # Not the direct base class's, which copies folders by their paths on disk.
            copied: Model = await AsyncContentsManager.copy(self, from_path, to_path)
        else:
            copied = await super().copy(from_path, to_path)
        return copied


def _folder(name: str) -> Model:
    """The model of HDFS in the listing of the server's own folder; needs no request to HDFS."""
    # Constant: JupyterLab redraws its list at each change.
    epoch = datetime.fromtimestamp(0, UTC)
    return {
        "name": name,
        "path": name,
        "type": "directory",
        "created": epoch,
        "last_modified": epoch,
        "size": None,
        "writable": True,
        "mimetype": None,
        "content": None,
        "format": None,
    }

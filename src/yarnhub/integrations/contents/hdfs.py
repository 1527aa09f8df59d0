"""Jupyter's contents API on HDFS."""

from __future__ import annotations

import hashlib
import os
from http import HTTPStatus
from typing import TYPE_CHECKING

import nbformat
from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado.web import HTTPError
from traitlets import Any as AnyTrait
from traitlets import Bool, Int, TraitError, Unicode, default, validate

from yarnhub.integrations.contents.checkpoints import FOLDER, HdfsCheckpoints
from yarnhub.integrations.contents.drive import Drive
from yarnhub.integrations.contents.errors import http_errors
from yarnhub.integrations.contents.file_systems import hdfs_from_environment
from yarnhub.integrations.contents.models import (
    Model,
    entry,
    file_bytes,
    fill_file,
    is_hidden,
    is_writable,
    notebook_bytes,
    parse_notebook,
)
from yarnhub.integrations.contents.uploads import Uploads

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.filesystem.port import FileStatus


class HdfsContents(AsyncContentsManager):
    """Files of the user in HDFS, in one folder of JupyterLab."""

    folder = Unicode("hdfs", config=True, help="The folder's name in JupyterLab.")

    @validate("folder")
    def _one_name(self, proposal: Model) -> str:
        name = str(proposal["value"]).strip("/")
        if not name or "/" in name or name.startswith("."):
            raise TraitError(f"HdfsContents.folder is {name!r}: it must be the name of one folder")
        return name

    directory = Unicode(
        "", config=True, help="The directory in HDFS that the folder shows; empty: the user's home."
    )

    largest = Int(
        256 << 20,
        config=True,
        help="Bytes of the largest file that is opened or copied, for which the server needs "
        "several times its size in memory. Downloads and uploads have no limit.",
    )

    always_delete_dir = Bool(
        False,
        config=True,
        help="Without a trash in HDFS, delete non-empty directories instead of refusing.",
    )

    hdfs = AnyTrait(help="The source of the file system, see `file_systems.HdfsSource`.")

    @default("hdfs")
    def _default_hdfs(self) -> object:
        # jupyter_server creates contents managers from their class name, without arguments.
        return hdfs_from_environment(os.environ)  # noqa: TID251

    checkpoints_class = HdfsCheckpoints

    @default("drive")
    def _default_drive(self) -> Drive:
        return Drive(self.hdfs, self.folder, self.directory, self.largest)

    drive = AnyTrait(help="The shown directory, created from the traits above at the first use.")

    uploads = AnyTrait(help="Uploads of which not all chunks have arrived.")

    @default("uploads")
    def _default_uploads(self) -> Uploads:
        return Uploads()

    # -- reading

    async def dir_exists(self, path: str) -> bool:
        """Whether a directory exists."""
        status = await self._status(path)
        return status is not None and status.is_directory

    async def file_exists(self, path: str) -> bool:
        """Whether a file exists."""
        status = await self._status(path)
        return status is not None and not status.is_directory

    async def exists(self, path: str) -> bool:
        """Whether a file or directory exists."""
        return await self._status(path) is not None

    async def is_hidden(self, path: str) -> bool:
        """Whether the name of the file, or of a parent folder, starts with a dot."""
        return is_hidden(path)

    async def get_kernel_path(self, path: str, model: Model | None = None) -> str:
        """Kernels of notebooks in HDFS start in the server's own folder."""
        return ""

    async def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,
        format: str | None = None,
        require_hash: bool = False,
    ) -> Model:
        """The model of a file or directory."""
        path = path.strip("/")
        with http_errors():
            status = await self._visible(path)
            model = entry(path, status, await self.drive.user(), type)
            if status.is_directory or type == "directory":
                if type not in {None, "directory"} or not status.is_directory:
                    raise HTTPError(
                        HTTPStatus.BAD_REQUEST, f"{path} is not a {type}", reason="bad type"
                    )
                if content:
                    model.update(content=await self._listing(path), format="json")
            else:
                await self._fill(model, status, content, format, require_hash)
        self.emit(data={"action": "get", "path": path})
        return model

    async def _listing(self, path: str) -> list[Model]:
        user = await self.drive.user()
        found = []
        for status in await self.drive.list(path):
            name = status.path.rpartition("/")[2]
            if self.should_list(name) and (self.allow_hidden or not is_hidden(name)):
                found.append(entry(f"{path}/{name}", status, user))
        return found

    async def _fill(
        self, model: Model, status: FileStatus, content: bool, format: str | None, hashed: bool
    ) -> None:
        """Add the requested content and hash to a file's model."""
        path = model["path"]
        found = await self.drive.read(path, status.length) if content else None
        if found is not None:
            if model["type"] == "notebook":
                problems: Model = {}
                notebook = parse_notebook(found, path, problems)
                self.mark_trusted_cells(notebook, path)
                model.update(content=notebook, format="json")
                self.validate_notebook_model(model, problems)
            else:
                fill_file(model, found, format)
        if hashed:
            algorithm = "sha256"
            model["hash_algorithm"] = algorithm
            model["hash"] = (
                await self.drive.digest(path, algorithm)
                if found is None
                else hashlib.new(algorithm, found).hexdigest()
            )

    # -- writing

    async def save(self, model: Model, path: str = "") -> Model:
        """Save a file or make a directory."""
        path = path.strip("/")
        kind, chunk = model.get("type"), model.get("chunk")
        if kind not in {"notebook", "file", "directory"}:
            raise HTTPError(HTTPStatus.BAD_REQUEST, f"cannot save {path}: its type is {kind!r}")
        if kind != "directory" and "content" not in model:
            raise HTTPError(HTTPStatus.BAD_REQUEST, f"cannot save {path}: it has no content")
        if chunk in {None, 1}:
            self.run_pre_save_hooks(model=model, path=path)
        message = None
        with http_errors():
            self._check_hidden(path)
            old = await self._writable(path)
            if kind == "directory":
                await self._make_directory(path, old)
            elif chunk is not None:
                if not await self._write_chunk(model, path, old):
                    unfinished: Model = self.uploads.model(path)
                    return unfinished
            elif kind == "notebook":
                message = await self._save_notebook(model, path, old)
            else:
                await self.drive.write(path, file_bytes(model, path), old)
        saved = await self.get(path, content=False)
        if message:
            saved["message"] = message
        self.emit(data={"action": "save", "path": path})
        return saved

    async def _save_notebook(self, model: Model, path: str, old: FileStatus | None) -> str | None:
        """Save a notebook; returns a message about problems in it."""
        notebook = nbformat.from_dict(model["content"])
        self.check_and_sign(notebook, path)
        problems: Model = {}
        await self.drive.write(path, notebook_bytes(notebook, problems), old)
        # One checkpoint should always exist for a notebook, as with files on disk.
        if not await self.checkpoints.list_checkpoints(path):
            await self.create_checkpoint(path)
        self.validate_notebook_model(model, problems)
        return model.get("message")

    async def _make_directory(self, path: str, old: FileStatus | None) -> None:
        if old is None:
            await self.drive.make_directory(path)
        elif not old.is_directory:
            raise HTTPError(HTTPStatus.CONFLICT, f"{path} is a file")

    async def _write_chunk(self, model: Model, path: str, old: FileStatus | None) -> bool:
        """Take a chunk of an upload; True if it was the last one and the file is written."""
        local = await self.uploads.take(path, model["chunk"], file_bytes(model, path))
        if local is None:
            return False
        try:
            await self.drive.write(path, local, old)
        finally:
            self.uploads.drop(path)
        return True

    async def delete_file(self, path: str) -> None:
        """Delete a file or directory, or move it to the trash if HDFS has one."""
        path = path.strip("/")
        if path == self.folder:
            raise HTTPError(
                HTTPStatus.BAD_REQUEST,
                f"{path} is your home directory in HDFS and cannot be deleted",
            )
        with http_errors():
            status = await self._visible(path)
            if self.drive.has_trash:
                await self.drive.trash(path)
                return
            if status.is_directory and not self.always_delete_dir:
                names = {found.path.rpartition("/")[2] for found in await self.drive.list(path)}
                if names - {FOLDER}:
                    raise HTTPError(HTTPStatus.BAD_REQUEST, f"the directory {path} is not empty")
            await self.drive.delete(path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename a file or directory."""
        old_path, new_path = old_path.strip("/"), new_path.strip("/")
        if new_path == old_path:
            return
        if self.folder in {old_path, new_path}:
            raise HTTPError(
                HTTPStatus.BAD_REQUEST,
                f"{self.folder} is your home directory in HDFS and cannot be renamed",
            )
        with http_errors():
            self._check_hidden(new_path)
            await self._visible(old_path)
            await self.drive.move(old_path, new_path)

    async def receive(self, local: Path, path: str) -> None:
        """Copy a local file to a path that does not exist yet."""
        with http_errors():
            self._check_hidden(path)
            if await self._writable(path) is not None:
                raise HTTPError(HTTPStatus.CONFLICT, f"{path} already exists")
            await self.drive.write(path, local, None)

    # -- status of paths

    async def _status(self, path: str) -> FileStatus | None:
        with http_errors():
            found: FileStatus | None = await self.drive.status(path)
            return found

    async def _visible(self, path: str) -> FileStatus:
        """The status of a visible file or directory."""
        status: FileStatus | None = None
        if self.allow_hidden or not is_hidden(path):
            status = await self.drive.status(path)
        if status is None and path == self.folder:
            # Not 404: jupyter_server drops its message.
            _, at = await self.drive.locate(path)
            raise HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"HDFS cannot be used: {at} does not exist; ask an administrator to create it",
            )
        if status is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} not found")
        return status

    def _check_hidden(self, path: str) -> None:
        if is_hidden(path) and not self.allow_hidden:
            raise HTTPError(
                HTTPStatus.BAD_REQUEST, f"{path} is hidden: set ContentsManager.allow_hidden"
            )

    async def _writable(self, path: str) -> FileStatus | None:
        """The status of a writable file or directory; None if it does not exist yet."""
        status: FileStatus | None = await self.drive.status(path)
        if status is None:
            above = path.rpartition("/")[0]
            found = await self.drive.status(above) if above else None
            if found is None or not found.is_directory:
                raise HTTPError(HTTPStatus.NOT_FOUND, f"directory {above} not found")
        elif not status.is_directory and not is_writable(status, await self.drive.user()):
            raise HTTPError(HTTPStatus.FORBIDDEN, f"{path} is read-only")
        return status

"""Files as they are, for downloads and for pictures in notebooks: `/files/...`."""

from __future__ import annotations

import contextlib
import mimetypes
from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado import web

from yarnhub.integrations.contents.errors import refusals
from yarnhub.integrations.contents.models import is_hidden


class FilesHandler(AuthenticatedFileHandler):
    """Sends files of HDFS in pieces, so that they may be of any size, and all others from disk."""

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:
        """What `get` would answer, without the content."""
        await self._send(path, include_body=False)

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """A file."""
        await self._send(path, include_body=True)

    async def _send(self, path: str, *, include_body: bool) -> None:
        hdfs = self.contents_manager.on_hdfs(path)
        if hdfs is None:
            await super().get(path, include_body=include_body)
            return
        self.check_xsrf_cookie()
        with refusals():
            status = await hdfs.tree.status(path)
            if status is None or (is_hidden(path) and not hdfs.allow_hidden):
                raise web.HTTPError(HTTPStatus.NOT_FOUND, f"there is no {path}")
            if status.is_directory:
                raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"{path} is a directory")
        name = path.strip("/").rpartition("/")[2]
        if self.get_argument("download", None):
            self.set_attachment_header(name)
        self.set_header("Content-Type", _content_type(name))
        self.set_header("Content-Length", status.length)
        self.set_header("Cache-Control", "no-cache")
        if not include_body:
            return
        with refusals():
            async with contextlib.aclosing(hdfs.tree.chunks(path)) as chunks:
                async for chunk in chunks:
                    self.write(chunk)
                    await self.flush()  # the browser's speed is ours


def _content_type(name: str) -> str:
    if name.endswith(".ipynb"):
        return "application/x-ipynb+json"
    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return (
        "text/plain; charset=UTF-8" if kind == "text/plain" else kind or "application/octet-stream"
    )

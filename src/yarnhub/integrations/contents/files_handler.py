"""Raw files, for downloads and images in notebooks: `/files/...`."""

from __future__ import annotations

import contextlib
import mimetypes
from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado import web

from yarnhub.integrations.contents.errors import http_errors
from yarnhub.integrations.contents.models import is_hidden


class FilesHandler(AuthenticatedFileHandler):
    """Streams files of any size from HDFS, and serves all others from disk."""

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:
        """The headers of `get`, without the content."""
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
        with http_errors():
            status = await hdfs.drive.status(path)
            if status is None or (is_hidden(path) and not hdfs.allow_hidden):
                raise web.HTTPError(HTTPStatus.NOT_FOUND, f"{path} not found")
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
        with http_errors():
            async with contextlib.aclosing(hdfs.drive.chunks(path)) as chunks:
                async for chunk in chunks:
                    self.write(chunk)
                    await self.flush()  # not faster than the browser reads


def _content_type(name: str) -> str:
    if name.endswith(".ipynb"):
        return "application/x-ipynb+json"
    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return (
        "text/plain; charset=UTF-8" if kind == "text/plain" else kind or "application/octet-stream"
    )

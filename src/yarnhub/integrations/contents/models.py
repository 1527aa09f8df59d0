"""The models of the contents API, in which JupyterLab receives and sends files.

Source: jupyter_server, "The contents API", and `services/contents/handlers.py`, validate_model.
"""

from __future__ import annotations

import base64
import mimetypes
import posixpath
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

import nbformat
from tornado.web import HTTPError

if TYPE_CHECKING:
    from yarnhub.filesystem.port import FileStatus

Model: TypeAlias = "dict[str, Any]"
"""Any: what a model holds depends on its type; it goes to and comes from JSON."""

_MIMETYPES = {"text": "text/plain", "base64": "application/octet-stream"}


def is_hidden(path: str) -> bool:
    """Whether an API path is hidden, or in a hidden folder."""
    return any(part.startswith(".") for part in path.strip("/").split("/"))


def entry(path: str, status: FileStatus, user: str, kind: str | None = None) -> Model:
    """The model of a file or directory without its content.

    Args:
        path: Its API path.
        status: Its status in HDFS.
        user: The user, for `writable`.
        kind: `file` or `notebook`; None derives it from the name.
    """
    changed = datetime.fromtimestamp(status.modification_time / 1000, UTC)
    if status.is_directory:
        kind = "directory"
    elif kind is None:
        kind = "notebook" if path.endswith(".ipynb") else "file"
    return {
        "name": posixpath.basename(path),
        "path": path,
        "type": kind,
        "created": changed,  # HDFS keeps no creation time
        "last_modified": changed,
        "size": None if status.is_directory else status.length,
        "writable": is_writable(status, user),
        "mimetype": mimetypes.guess_type(path)[0] if kind == "file" else None,
        "content": None,
        "format": None,
    }


def is_writable(status: FileStatus, user: str) -> bool:
    """Whether the mode bits may let the user write; groups and ACLs are checked by HDFS only."""
    return bool(status.permission & (0o200 if status.owner == user else 0o022))


def fill_file(model: Model, content: bytes, text_format: str | None) -> None:
    """Put a file's content into its model.

    Args:
        model: The file's model.
        content: The whole content.
        text_format: `text` or `base64`; None takes text if the content is UTF-8.
    """
    text, text_format = _decoded(content, text_format, model["path"])
    model.update(content=text, format=text_format)
    model["mimetype"] = model["mimetype"] or _MIMETYPES[text_format]


def _decoded(content: bytes, text_format: str | None, path: str) -> tuple[str, str]:
    if text_format != "base64":
        try:
            return content.decode(), "text"
        except UnicodeDecodeError as error:
            if text_format == "text":
                raise HTTPError(
                    HTTPStatus.BAD_REQUEST, f"{path} is not text in UTF-8", reason="bad format"
                ) from error
    return base64.encodebytes(content).decode("ascii"), "base64"


def file_bytes(model: Model, path: str) -> bytes:
    """The content of a file's model."""
    content, text_format = model["content"], model.get("format")
    if text_format not in _MIMETYPES:
        raise HTTPError(
            HTTPStatus.BAD_REQUEST,
            f"cannot save {path}: its format is {text_format!r}, not 'text' or 'base64'",
        )
    try:
        return content.encode() if text_format == "text" else base64.b64decode(content)
    except (ValueError, AttributeError, TypeError) as error:
        raise HTTPError(HTTPStatus.BAD_REQUEST, f"cannot save {path}: {error}") from error


def parse_notebook(content: bytes, path: str, problems: Model) -> nbformat.NotebookNode:
    """Parse a notebook; its violations of the format are added to `problems`."""
    try:
        notebook: nbformat.NotebookNode = nbformat.reads(
            content.decode(), as_version=4, capture_validation_error=problems
        )
    except Exception as error:  # whatever nbformat's versions raise
        raise HTTPError(
            HTTPStatus.BAD_REQUEST, f"{path} cannot be read as a notebook: {error!r}"
        ) from error
    return notebook


def notebook_bytes(notebook: nbformat.NotebookNode, problems: Model) -> bytes:
    """Serialize a notebook; its violations of the format are added to `problems`."""
    text: str = nbformat.writes(
        notebook, version=nbformat.NO_CONVERT, capture_validation_error=problems
    )
    return text.encode() if text.endswith("\n") else text.encode() + b"\n"

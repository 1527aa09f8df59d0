"""Paths and URLs of one file system."""

from __future__ import annotations

import posixpath
import secrets
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError


def local_part(uri: str, path: str) -> str:
    """The absolute path within the file system `uri`, normalised.

    Args:
        uri: Scheme and authority of the file system.
        path: An absolute path, or a URL of this file system.

    Raises:
        ConfigurationError: It is relative, or a URL of another file system.
    """
    rest = path
    if "://" in path or path.startswith("file:"):
        # Not urlsplit for the rest: `?` and `#` may stand in a file's name.
        scheme, _, rest = path.partition(":")
        authority = ""
        if rest.startswith("//"):
            authority, slash, rest = rest[2:].partition("/")
            rest = slash + rest
        mine = urlsplit(uri)
        if scheme != mine.scheme or authority not in {"", mine.netloc}:
            raise ConfigurationError(f"{path} is not in the file system {uri}")
        rest = rest or "/"
    if not rest.startswith("/"):
        raise ConfigurationError(f"{path!r} is not an absolute path in the file system {uri}")
    return posixpath.normpath("/" + rest.lstrip("/"))


def partial_name(path: str) -> str:
    """A name beside `path` for content that is not whole yet; never the same twice.

    The ending is that of Hadoop's own shell, so that clean-up rules for it apply.
    """
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name}.{secrets.token_hex(4)}._COPYING_")

"""Paths and URLs of one file system."""

from __future__ import annotations

import posixpath
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.errors import InvalidNameError


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


def hdfs_part(uri: str, path: str) -> str:
    """As `local_part`, for HDFS, whose names are Unicode.

    Raises:
        InvalidNameError: The path cannot be sent there.
    """
    at = local_part(uri, path)
    try:
        at.encode()
    except UnicodeEncodeError as error:
        raise InvalidNameError("use", f"{uri}{at!r}", "it is not Unicode") from error
    if "\0" in at:
        raise InvalidNameError("use", f"{uri}{at!r}", "a name has no NUL character")
    return at


def new_hdfs_part(action: str, uri: str, path: str) -> str:
    """As `hdfs_part`, for what is about to be made.

    Raises:
        InvalidNameError: HDFS takes no such name.

    Source: org.apache.hadoop.hdfs.DFSUtilClient.isValidName.
    """
    at = hdfs_part(uri, path)
    if ":" in at:
        raise InvalidNameError(action, uri + at, "names in HDFS have no ':'")
    return at

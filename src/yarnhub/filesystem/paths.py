"""Paths and URLs of one file system, compared as Hadoop compares them.

Source: org.apache.hadoop.fs.FileSystem.checkPath, canonicalizeUri.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.errors import InvalidNameError

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Properties

# Not urlsplit: `?` and `#` may stand in a file's name.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/]*))?(.*)", re.DOTALL)
DEFAULT_PORTS = {"hdfs": 8020, "webhdfs": 9870, "swebhdfs": 9871}


class Location(NamedTuple):
    """A URL in its parts."""

    scheme: str
    """Lower case."""
    authority: str
    """Host and port, or a nameservice; empty for `fs.defaultFS`."""
    path: str
    """Unchanged."""

    @classmethod
    def parse(cls, text: str) -> Location | None:
        """The parts of a URL; None if it has no scheme and so is a path."""
        found = _URL.fullmatch(text)
        if found is None:
            return None
        return cls(found[1].lower(), found[2] or "", found[3])

    @property
    def root(self) -> str:
        """Scheme and authority: the file system's URL."""
        return f"{self.scheme}://{self.authority}"

    def is_on(self, other: Location) -> bool:
        """Whether both belong to one file system.

        Ignores case; a missing port is the scheme's default.
        """
        return self.scheme == other.scheme and self._server() == other._server()

    def _server(self) -> str:
        port = DEFAULT_PORTS.get(self.scheme)
        return self.authority.lower().removesuffix(f":{port}")


def located(url: str, properties: Properties) -> Location | None:
    """A URL, completed by `fs.defaultFS`; None for a path, which has no scheme.

    A URL without an authority belongs to the default file system if that has the same scheme.
    """
    location = Location.parse(url)
    default = Location.parse(properties.get("fs.defaultFS") or "")
    if location is None or location.authority or default is None:
        return location
    same = location.scheme == default.scheme
    return location._replace(authority=default.authority) if same else location


def local_part(uri: str, path: str) -> str:
    """The absolute path within the file system `uri`, normalized.

    Args:
        uri: Scheme and authority of the file system.
        path: An absolute path, or a URL of this file system, possibly without an authority.

    Raises:
        ConfigurationError: It is relative, or a URL of another file system.
    """
    rest = path
    location, mine = Location.parse(path), Location.parse(uri)
    if location is not None and mine is not None:
        if not location._replace(authority=location.authority or mine.authority).is_on(mine):
            raise ConfigurationError(f"{path} is not in the file system {uri}")
        rest = location.path or "/"
    if not rest.startswith("/"):
        raise ConfigurationError(f"{path!r} is not an absolute path in the file system {uri}")
    return posixpath.normpath("/" + rest.lstrip("/"))


def hdfs_part(uri: str, path: str) -> str:
    """Like `local_part`, for HDFS, whose names are Unicode.

    Raises:
        InvalidNameError: The path cannot be sent there.
    """
    at = local_part(uri, path)
    try:
        at.encode()
    except UnicodeEncodeError as error:
        raise InvalidNameError("use", f"{uri}{at!r}", "it is not Unicode") from error
    if "\0" in at:
        raise InvalidNameError("use", f"{uri}{at!r}", "a name cannot contain a NUL character")
    return at


def new_hdfs_part(action: str, uri: str, path: str) -> str:
    """Like `hdfs_part`, for a path to be created.

    Raises:
        InvalidNameError: HDFS does not allow the name.

    Source: org.apache.hadoop.hdfs.DFSUtilClient.isValidName.
    """
    at = hdfs_part(uri, path)
    if ":" in at:
        raise InvalidNameError(action, uri + at, "names in HDFS cannot contain ':'")
    return at

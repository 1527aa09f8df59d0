"""A file that YARN puts into a container before its script starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.base.names import Name
from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARCHIVES = (".zip", ".tar.gz", ".tgz")
_RESERVED = (".skein", ".yarnhub")


class FileType(Name):
    """How YARN localizes a file."""

    FILE = "FILE"
    """Unchanged."""
    ARCHIVE = "ARCHIVE"
    """Unpacked into a folder of the destination's name."""


class FileVisibility(Name):
    """Who shares the copy on a node (LocalResourceVisibility in yarn_protos.proto)."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    APPLICATION = "APPLICATION"


def inferred_type(source: str) -> FileType:
    """The type of a file from its name."""
    return FileType.ARCHIVE if source.endswith(_ARCHIVES) else FileType.FILE


def _type(value: object) -> FileType | None:
    if isinstance(value, str) and value.lower() == "infer":
        return None
    return read.member(FileType)(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class File(read.Element):
    """A file that YARN puts into a container. In a document its source is enough.

    Attributes:
        source: A URL for Hadoop, which is not changed, or a path on this machine.
        type: How YARN localizes it. None, or `infer` in a document, depends on the name: ARCHIVE if
            it ends with .zip, .tar.gz or .tgz, otherwise FILE.
        visibility: Who shares the copy on a node.
        size: Bytes; 0 is filled in from the file system at submission.
        timestamp: Last change in milliseconds since 1970; 0 as well. YARN refuses
            a file whose size or timestamp has changed since.
    """

    source: str
    type: FileType | None = None
    visibility: FileVisibility = FileVisibility.APPLICATION
    size: int = 0
    timestamp: int = 0

    checks: ClassVar[read.Checks] = {
        # One line: a key that is pasted instead of its file name must not appear in messages.
        "source": read.matching(r".*\S.*", "one line of text that is not empty"),
        "type": _type,
        "visibility": read.member(FileVisibility),
        "size": read.integer(0, read.INT64),
        "timestamp": read.integer(0, read.INT64),
    }

    def _check(self) -> None:
        if self.type is None:
            object.__setattr__(self, "type", inferred_type(self.source))

    @classmethod
    def _expand(cls, data: object) -> object:
        return {"source": data} if isinstance(data, str) else data


def _destination(value: object) -> str:
    name = read.text(value).removeprefix("./")
    if name.startswith(_RESERVED):
        raise SpecError("", f"names that begin with {' or '.join(_RESERVED)} are reserved")
    # The container's script finds it in its working folder: no folders, nothing to quote.
    if not re.fullmatch(r"[._]?[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise read.wrong("a bare file name of letters, digits, '.', '_' and '-'", value)
    return name


def files(check: read.Check[File]) -> read.Check[Mapping[str, File]]:
    """The check of a mapping from destination names to files."""
    return read.mapping(_destination, check)

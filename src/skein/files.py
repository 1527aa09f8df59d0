"""A file of a container, as skein's users write it."""

from __future__ import annotations

import os
from typing import ClassVar
from urllib.parse import urlsplit

from skein.document import Document, folder
from yarnhub import spec
from yarnhub.spec import FileType, FileVisibility
from yarnhub.spec import _reading as read
from yarnhub.spec.file import inferred_type


def _url(value: object) -> str:
    """Take a URL as it is, and a path as one of this machine."""
    source = str(spec.File.checks["source"](value))
    if urlsplit(source).scheme:
        return source
    return f"file://{os.path.normpath(os.path.join(folder.get() or os.getcwd(), source))}"  # noqa: PTH109, PTH118  # `a/../b` is b here, as in skein


class File(Document, spec.File):
    """A file that YARN puts into a container before its script starts.

    Args:
        source: A URL that Hadoop understands, or a path on this machine, which becomes a URL.
        type: `FILE`, `ARCHIVE`, or `infer` to tell by the name, also when the source changes.
        visibility: `APPLICATION`, `PRIVATE` or `PUBLIC`: who shares the copy on a node.
        size: Bytes; 0 is filled in at submission.
        timestamp: Last change in milliseconds since 1970; 0 is filled in at submission.
    """

    __slots__ = ()

    source: str
    type: FileType
    visibility: FileVisibility
    size: int
    timestamp: int

    checks: ClassVar[read.Checks] = {**spec.File.checks, "source": _url}

    def __init__(
        self,
        source: str,
        type: FileType | str = "infer",  # noqa: A002  # skein's name
        visibility: FileVisibility | str = FileVisibility.APPLICATION,
        size: int = 0,
        timestamp: int = 0,
    ) -> None:
        self._fill(locals())

    def __setattr__(self, name: str, value: object) -> None:
        inferred = name == "source" and self.type is inferred_type(self.source)
        super().__setattr__(name, value)
        if inferred:
            self.type = inferred_type(self.source)

    def __repr__(self) -> str:
        return f"File<source={self.source!r}, type={self.type!r}>"

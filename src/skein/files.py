"""A file of a container, as skein's users write it."""

from __future__ import annotations

from skein.document import Document
from yarnhub import spec
from yarnhub.spec import FileType, FileVisibility


class File(Document, spec.File):
    """A file that YARN puts into a container before its script starts.

    Args:
        source: A URL that Hadoop understands, or a path on this machine.
        type: `FILE`, `ARCHIVE`, or `infer` to tell by the name.
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

    def __init__(
        self,
        source: str,
        type: FileType | str = FileType.infer,  # noqa: A002  # skein's name
        visibility: FileVisibility | str = FileVisibility.APPLICATION,
        size: int = 0,
        timestamp: int = 0,
    ) -> None:
        self._fill(source=source, type=type, visibility=visibility, size=size, timestamp=timestamp)

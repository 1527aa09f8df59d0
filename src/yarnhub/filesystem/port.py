"""The interface of file systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from yarnhub.filesystem.acl import AclEntry

CHUNK_SIZE = 1 << 20
"""Bytes of one write: large enough to be efficient, small enough to block the event loop for a few
milliseconds only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    """A file or directory as its file system describes it."""

    path: str
    """The full URL, e.g. `hdfs://namenode:9000/user/alice/environment.tar.gz`."""
    length: int
    """Bytes; 0 for a directory."""
    modification_time: int
    """Milliseconds since 1970: a LocalResource must repeat exactly this number."""
    is_directory: bool
    owner: str
    permission: int
    """The mode bits, e.g. 0o644."""


class FileSystem(Protocol):
    """A file system, used as one user; an async context manager.

    A path is absolute (`/user/alice/x`) or a full URL of this file system. The deadline with which
    the file system was opened applies to each call, and to each chunk of content.

    Every call raises:
        AccessDeniedError: The user may not do this there.
        AuthenticationError: The file system does not accept the user.
        ConnectError: No server can be reached; the message names host and port.
        ConnectionLostError: The connection was lost; `outcome` is what is known.
        ConfigurationError: The path belongs to another file system.
        DeadlineExceededError: No response in time.
        FileSystemError: Anything else that the file system refused; names path and reason.
    """

    @property
    def uri(self) -> str:
        """Scheme and authority, e.g. `hdfs://namenode:9000`: no slash at the end."""
        ...

    async def home(self) -> str:
        """The URL of the user's home directory, which need not exist.

        Cancelling leaves nothing behind.
        """
        ...

    async def status(self, path: str) -> FileStatus | None:
        """The status of a path; None if it does not exist.

        Cancelling leaves nothing behind.
        """
        ...

    async def list(self, path: str) -> Sequence[FileStatus]:
        """The entries of a directory, sorted by name; for a file, the file itself.

        Cancelling leaves nothing behind.

        Raises:
            PathNotFoundError: The path does not exist.
        """
        ...

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """Create a directory and its parents; an existing one is not changed.

        If cancelled, the directory may have been created.
        """
        ...

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        """Copy a local file to a path, and create its parent directories.

        The content is replaced atomically: readers get the old or the new file. Memory use is
        constant.

        Args:
            local: The file to copy.
            path: The destination; an existing file is replaced.
            permission: The mode bits of the copy.
            progress: Called with the bytes sent so far, after each chunk.

        Cancelling deletes the incomplete copy; the old file is kept.

        Returns:
            The status of the new file.

        Raises:
            PathNotFoundError: The local file does not exist.
        """
        ...

    async def write(self, path: str, data: bytes, permission: int = 0o600) -> FileStatus:
        """Write a whole file, like `upload`."""
        ...

    def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The content of a file in chunks, from `offset` on, at most `length` bytes.

        Reading beyond the end returns the rest. Memory use is constant. Close the generator
        (`contextlib.aclosing`) if you leave it early.

        Raises:
            PathNotFoundError: The path does not exist.
        """
        ...

    async def acl(self, path: str) -> tuple[AclEntry, ...]:
        """The users and groups with a permission of their own, and what they can do.

        Cancelling leaves nothing behind.

        Raises:
            AclsUnavailableError: The file system has no access control lists.
            PathNotFoundError: The path does not exist.
        """
        ...

    async def set_access(self, path: str, permission: int, acl: Sequence[AclEntry] = ()) -> None:
        """Replace the permission bits and the access control list of a path, both at once.

        What is below a directory is not changed. If cancelled, it may have been set.

        Args:
            path: A file or directory of the user.
            permission: The bits of owner, group and others, e.g. 0o750.
            acl: The users and groups with a permission of their own, at most `acl.MAX_ENTRIES`.

        Raises:
            AclsUnavailableError: There is a list, and the file system does not support them.
            PathNotFoundError: The path does not exist.
        """
        ...

    async def move(self, path: str, destination: str) -> None:
        """Move a file or directory to a path that does not exist.

        If cancelled, it may have been moved.

        Raises:
            PathNotFoundError: The path or the destination's directory does not exist.
            PathExistsError: The destination exists.
        """
        ...

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """Delete a file or directory; False if it did not exist.

        If cancelled, it may have been deleted.

        Raises:
            FileSystemError: The directory is not empty and `recursive` is False.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...

    async def __aenter__(self) -> Self:
        """Does not connect: the first call does."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

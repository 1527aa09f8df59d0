"""What yarnhub asks of a file system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

CHUNK_SIZE = 1 << 20
"""Bytes that one write hands on: large enough to be cheap, small enough to hold the event loop
for a few milliseconds only."""


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
    """A file system as one user sees it; an async context manager.

    A path is absolute (`/user/alice/x`) or a full URL of this file system. One answer takes no
    longer than the deadline that the file system was opened with: a call is one answer, except
    that content travels in chunks and each chunk is one.

    Every call raises:
        AccessDeniedError: The user may not do this there.
        AuthenticationError: The file system does not accept the user.
        ConnectError: Nobody answered; the message names host and port.
        ConnectionLostError: The connection ended; `outcome` says what is known.
        ConfigurationError: The path is of another file system.
        DeadlineExceededError: No answer in time.
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
        """What stands at a path; None when nothing does.

        Cancelling leaves nothing behind.
        """
        ...

    async def list(self, path: str) -> Sequence[FileStatus]:
        """What a directory holds, sorted by name; for a file, the file itself.

        Cancelling leaves nothing behind.

        Raises:
            PathNotFoundError: Nothing stands there.
        """
        ...

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """Make a directory and those above it; one that exists stays as it is.

        Cancelling leaves it unknown whether the directory was made.
        """
        ...

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        """Copy a local file to a path, and make the directories above it.

        Whoever reads the path meanwhile gets what was there before; the new content appears
        whole. Memory stays flat.

        Args:
            local: The file to copy.
            path: Where to; an existing file is replaced.
            permission: The mode bits of the copy.
            progress: Is told the bytes sent so far, after each chunk.

        Cancelling removes what was written; the old file stays.

        Returns:
            The status of the new file.

        Raises:
            PathNotFoundError: There is no such local file.
        """
        ...

    async def write(self, path: str, data: bytes, permission: int = 0o600) -> FileStatus:
        """Write a whole file, as `upload` does."""
        ...

    def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The content of a file in chunks, from `offset` on, at most `length` bytes.

        Reading beyond the end gives what there is. Memory stays flat. Close the generator
        (`contextlib.aclosing`) when it is left early.

        Raises:
            PathNotFoundError: Nothing stands there.
        """
        ...

    async def move(self, path: str, destination: str) -> None:
        """Give a file or directory another path, at which nothing stands yet.

        Cancelling leaves it unknown whether it was moved.

        Raises:
            PathNotFoundError: Nothing stands there, or the destination's directory is missing.
            PathExistsError: Something stands at the destination.
        """
        ...

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """Remove a file or directory; False when nothing was there.

        Cancelling leaves it unknown whether it was removed.

        Raises:
            FileSystemError: The directory is not empty and `recursive` is False.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...

    async def __aenter__(self) -> Self:
        """Nothing is connected yet: the first call does that."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

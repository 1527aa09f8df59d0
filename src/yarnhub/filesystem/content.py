"""Content that is written to a file system."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError
from yarnhub.base.files import open_regular
from yarnhub.filesystem.errors import (
    FileSystemError,
    InvalidNameError,
    PathExistsError,
    PathNotFoundError,
)
from yarnhub.filesystem.port import CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from yarnhub.filesystem.port import FileStatus


async def chunks_of(data: bytes) -> AsyncGenerator[bytes, None]:
    """The bytes in chunks."""
    for start in range(0, len(data), CHUNK_SIZE):
        yield data[start : start + CHUNK_SIZE]


async def file_chunks(local: Path) -> AsyncGenerator[bytes, None]:
    """The content of a local file in chunks.

    Raises:
        PathNotFoundError: The file does not exist.
        AccessDeniedError: This process may not read it.
        FileSystemError: It is a device, a pipe or a socket, or a folder.
    """
    with local_errors("read", local):
        source = await asyncio.to_thread(open_regular, local)
        try:
            while chunk := await asyncio.to_thread(source.read, CHUNK_SIZE):
                yield chunk
        finally:
            source.close()


async def counted(
    chunks: AsyncGenerator[bytes, None], progress: Callable[[int], None] | None
) -> AsyncGenerator[bytes, None]:
    """The same chunks; `progress` is called with the number of bytes so far."""
    total = 0
    async with contextlib.aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            total += len(chunk)
            if progress is not None:
                progress(total)


class ContentWriter(ABC):
    """Uploads and writes, for a file system that stores content in chunks."""

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        """See `FileSystem.upload`."""
        return await self._store(path, permission, counted(file_chunks(local), progress))

    async def write(self, path: str, data: bytes, permission: int = 0o600) -> FileStatus:
        """See `FileSystem.write`."""
        return await self._store(path, permission, chunks_of(data))

    @abstractmethod
    async def _store(
        self, path: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> FileStatus:
        """Store a file under its path when it is complete; closes the chunks."""


@contextlib.contextmanager
def local_errors(action: str, path: Path | str) -> Iterator[None]:
    """Errors of the operating system as ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise PathNotFoundError(action, str(path), "it does not exist") from error
    except FileExistsError as error:
        raise PathExistsError(action, str(path), error.strerror or str(error)) from error
    except PermissionError as error:
        name = f"{type(error).__module__}.{type(error).__name__}"
        message = f"cannot {action} {path}: {error.strerror}"
        raise AccessDeniedError(name, message) from error
    except ValueError as error:  # a name with a NUL character
        raise InvalidNameError(action, repr(str(path)), str(error)) from error
    except OSError as error:
        raise FileSystemError(action, str(path), error.strerror or str(error)) from error

"""The folder of a build that is not finished, which the next build deletes if its process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.environments.errors import BuildError, DiskFullError
from yarnhub.environments.local_build.process import disk_is_full, is_full
from yarnhub.environments.progress import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.environments.threads import Stop

_BEGIN = ".yarnhub-environment-"
ABANDONED_SECONDS = 7 * 24 * 3600
"""Age of a folder of another machine that no build uses any more: a lock on a folder of a shared
disk is seen by the machine that has it only."""


class WorkFolder:
    """A folder in another one."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._folder: Path | None = None
        self._lock = -1

    def make(self, stop: Stop) -> Path:
        """Make and lock it, and delete those of builds whose process has ended. Blocks.

        Raises:
            BuildError: The other folder does not exist, or cannot be written.
            DiskFullError: The disk is full.
        """
        del stop
        try:
            with _locked(self._parent):  # no build sees a folder of another one without its lock
                prefix = f"{_BEGIN}{socket.gethostname()}-"
                folder = self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._parent))
                self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                (folder / "uv.toml").touch()  # uv looks no further for settings of projects
                abandoned = [*_abandoned(self._parent, folder.stat().st_mtime - ABANDONED_SECONDS)]
        except OSError as error:
            if is_full(error):
                raise DiskFullError(Step.INTERPRETER, disk_is_full(self._parent)) from error
            raise BuildError(
                Step.INTERPRETER, f"{self._parent} cannot be used for builds: {error.strerror}"
            ) from error
        for each, descriptor in abandoned:
            shutil.rmtree(each, ignore_errors=True)
            os.close(descriptor)
        return folder

    def removed(self) -> bool:
        """Remove it if it is empty; returns whether it exists no more."""
        try:
            if self._folder is not None:
                self._folder.rmdir()
        except OSError:
            return False
        self._unlock()
        return True

    def delete(self, stop: Stop) -> None:
        """Delete it with its content. Blocks."""
        del stop
        try:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _abandoned(parent: Path, before: float) -> Iterator[tuple[Path, int]]:
    """Folders of this user's builds whose process has ended, and descriptors that lock them."""
    for folder in parent.glob(f"{_BEGIN}*"):
        with contextlib.suppress(OSError):
            found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                status = os.fstat(found)
                # What follows the last hyphen was chosen by `mkdtemp`, without hyphens.
                host = folder.name.removeprefix(_BEGIN).rpartition("-")[0]
                ended = host == socket.gethostname() or status.st_mtime < before
                mine = ended and status.st_uid == os.geteuid()
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                mine = False
            if mine:
                yield folder, found
            else:
                os.close(found)

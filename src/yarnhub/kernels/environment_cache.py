"""Unpacks an environment into a cache on the node of its container; run there, not imported.

Standard library only, for Python 3.9 and newer: it runs before the container has its environment.

<folder>/                 the user's, mode 0700
    <sum>/                an environment, read-only, by the SHA-256 sum of its archive
    <sum>.lock            its lock, which contains its bytes; its time is the last use
    <sum>.partial/        is being unpacked or deleted

A container holds the lock of its environment, shared, as long as it runs. What unpacks or deletes
an environment holds it exclusively. Locks are never deleted, because others can wait for them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import posixpath
import shutil
import stat
import sys
import tarfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LINK = "environment"
"""What is created in the container's folder."""
_LOCK, _PARTIAL = ".lock", ".partial"
_CHUNK = 1 << 20
_BLOCK = 4096
"""Files take whole blocks of most disks."""
_OTHERS = 0o077


class RefusedError(Exception):
    """A folder or an archive is not safe to use."""


def main(words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run `lock ARCHIVE`, which prints the lock's path, or `unpack ARCHIVE LOCK DESCRIPTOR BYTES`.

    Args:
        words: The command. DESCRIPTOR is the lock's, which the container keeps open.
        variables: The container's.
    """
    try:
        if words[0] == "lock":
            print(prepare(Path(words[1]), usual_folder(variables)))
            return 0
        lock, limit = Path(words[2]), int(words[4])
        unpack(Path(words[1]), lock, int(words[3]))
    except (OSError, EOFError, zlib.error, tarfile.TarError, RefusedError) as error:
        print(f"The environment cannot be unpacked: {error}", file=sys.stderr)
        return 1
    try:
        make_room(lock, limit)
    except OSError as error:  # of another environment
        print(f"The cache of environments cannot be cleaned: {error}", file=sys.stderr)
    return 0


def usual_folder(variables: Mapping[str, str]) -> Path:
    """The folder for the user's caches.

    It is next to YARN's files of the user, which YARN deletes with them. If the container cannot
    write there, as in Docker, it is below TMPDIR or `/tmp`.

    Source: ApplicationConstants.java, Environment.LOCAL_DIRS, whose folders are
    `<local-dir>/usercache/<user>/appcache/<application>` (ContainerLaunch.java).
    """
    applications = Path(variables.get("LOCAL_DIRS", "").partition(",")[0]).parent
    mine = applications.parent
    if applications.name == "appcache" and mine.is_dir():
        is_mine = mine.stat().st_uid == os.geteuid()
        if is_mine and os.access(mine, os.W_OK):
            return mine / "yarnhub"
    return Path(variables.get("TMPDIR") or "/tmp") / f"yarnhub-{os.geteuid()}"  # noqa: S108


def prepare(archive: Path, folder: Path) -> Path:
    """Create the folder and the lock for an archive; returns the lock's path.

    Raises:
        RefusedError: The folder is another user's, a link, or open for others.
    """
    environments = folder / "environments"
    for each in (folder, environments):
        _make_private(each)
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    lock = environments / f"{digest.hexdigest()}{_LOCK}"
    os.close(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    return lock


def _make_private(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise RefusedError(f"{folder} is not a folder")
    if found.st_uid != os.geteuid():
        raise RefusedError(f"{folder} belongs to the user {found.st_uid}")
    if found.st_mode & _OTHERS:
        raise RefusedError(f"{folder} has the mode {found.st_mode & 0o777:o} instead of 700")


def unpack(archive: Path, lock: Path, descriptor: int) -> None:
    """Create `LINK` to the environment, which is unpacked if the cache does not have it.

    The environment is kept as long as the descriptor is open. If the process is killed, the next
    one deletes what is not complete.

    Args:
        archive: The archive.
        lock: Its lock.
        descriptor: The lock's, open for writing.
    """
    environment = lock.with_suffix("")
    while True:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if environment.is_dir():
            break
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not environment.is_dir():
            _unpack(archive, environment, descriptor)
        # Another process may delete it before the lock is shared again.
    os.utime(descriptor)
    Path(LINK).symlink_to(environment)


def _unpack(archive: Path, environment: Path, descriptor: int) -> None:
    partial = environment.with_suffix(_PARTIAL)
    _delete(partial)
    try:
        partial.mkdir(0o700)
        with tarfile.open(archive, "r:gz") as opened:
            # `_checked` is the filter of all versions of Python.
            opened.extraction_filter = lambda member, _: member
            opened.extractall(partial, members=_checked(opened))  # noqa: S202  # see above
            size = sum(each.size + -each.size % _BLOCK for each in opened.getmembers())
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d" % size, 0)
        partial.rename(environment)
    except BaseException:
        _delete(partial)
        raise


def _checked(opened: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, without permissions to change them."""
    for member in opened:
        name = posixpath.normpath(member.name)
        if name.startswith(("/", "../")) or name == ".." or member.isdev():
            raise RefusedError(f"the archive has {name!r}, which is outside of it or a device")
        member.mode = member.mode & 0o555 | (0o500 if member.isdir() else 0o400)
        yield member


def make_room(own: Path, limit: int) -> None:
    """Delete the least recently used environments, and what killed processes have left.

    Environments of running containers are kept.

    Args:
        own: The lock of the environment that is used here.
        limit: Bytes of all environments.
    """
    locks = sorted(own.parent.glob(f"*{_LOCK}"), key=lambda lock: lock.stat().st_mtime)
    sizes = {lock: int(lock.read_text("ascii") or 0) for lock in locks}
    total = sum(sizes.values())
    for lock in locks:
        environment, partial = lock.with_suffix(""), lock.with_suffix(_PARTIAL)
        if lock == own or (total <= limit and not partial.exists()):
            continue
        with lock.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # it is in use
            _delete(partial)
            if total > limit and environment.is_dir():
                environment.rename(partial)
                file.truncate(0)
                _delete(partial)
                total -= sizes[lock]


def _delete(folder: Path) -> None:
    if not folder.exists():
        return
    for each, _, _ in os.walk(folder):
        Path(each).chmod(0o700)
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

"""Packs an environment: the same files give the same bytes, in any folder and at any time."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from yarnhub.environments.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from yarnhub.environments.threads import Stop

_LEVEL = 1
_THREADS = 2
_BLOCK = 1 << 20
_BUFFER = 1 << 16
"""Of tarfile, which copies its whole buffer for each header and each piece that it adds."""
_EVERY = 500
_MODIFIED = 1
"""Of all entries, in seconds since 1970: some programs do not accept 0."""
_ELF = b"\x7fELF"
_GLIBC = re.compile(rb"GLIBC_2\.(\d{1,3})\b")
_MAX_PROBLEMS = 1000
_LONGEST_GLIBC = len("GLIBC_2.999")


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive.

    Attributes:
        sha256: Of its bytes.
        size: Its bytes.
        files: How many entries it has, which is what unpacking it depends on.
        glibc: The oldest glibc that its binaries run with, such as `2.34`; empty if it has none.
        problems: Files with the path of the folder in which it was built, or of conda's packages.
    """

    sha256: str
    size: int
    files: int
    glibc: str
    problems: tuple[Problem, ...]


def pack(
    prefix: Path,
    target: Path,
    progress: Callable[[int, int], None],
    stop: Stop,
    written_prefix: str = "",
) -> Packed:
    """Write a .tar.gz with `bin` at its top level. Blocks.

    Args:
        prefix: The environment.
        target: The file; it must not exist.
        progress: Called with the number of entries that are written, and of all.
        stop: Stops it; a part of the file remains.
        written_prefix: The path that conda's packages have instead; empty without any.

    Raises:
        OSError: The disk is full.
        Stopped: It was cancelled.
    """
    from isal import igzip_threaded

    entries = list(_walk(str(prefix), ""))
    paths = {os.fsencode(prefix): ProblemKind.BUILD_PATH}
    if written_prefix:
        paths[os.fsencode(written_prefix)] = ProblemKind.CONDA_PATH
    search = _Search(paths, stop)
    with target.open("xb") as file:
        target.chmod(0o600)
        sink = _Sink(file)
        with (
            igzip_threaded.open(  # type: ignore[no-untyped-call]  # isal has no types for it
                sink, "wb", compresslevel=_LEVEL, threads=_THREADS, block_size=_BLOCK
            ) as compressed,
            tarfile.open(  # type: ignore[call-overload]  # it does not know copybufsize
                fileobj=compressed,
                mode="w|",
                format=tarfile.PAX_FORMAT,
                bufsize=_BUFFER,
                copybufsize=_BLOCK,
            ) as archive,
        ):
            for done, (name, entry) in enumerate(entries):
                stop.check()
                if done % _EVERY == 0:
                    progress(done, len(entries))
                _add(archive, name, entry, search)
    progress(len(entries), len(entries))
    glibc = f"2.{search.glibc}" if search.glibc else ""
    return Packed(sink.digest.hexdigest(), sink.size, len(entries), glibc, tuple(search.problems))


class _Sink:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += len(content)
        self._file.write(content)
        return len(content)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Does nothing: the file is closed by its owner."""


class _Search:
    """What is looked for in all files."""

    def __init__(self, paths: Mapping[bytes, ProblemKind], stop: Stop) -> None:
        self.paths = paths
        self.stop = stop
        self.overlap = max(*map(len, paths), _LONGEST_GLIBC)
        self.problems: list[Problem] = []
        self.glibc = 0


class _Searched:
    """A file that is searched while it is read: in pieces, because some have gigabytes."""

    def __init__(self, name: str, file: BinaryIO, search: _Search) -> None:
        self._name = name
        self._file = file
        self._search = search
        self._end = b""
        self._is_elf: bool | None = None
        self._sought = dict(search.paths)

    def read(self, size: int = -1) -> bytes:
        """Read and search a piece."""
        search = self._search
        search.stop.check()
        piece = self._file.read(size)
        content = self._end + piece
        if self._is_elf is None:
            self._is_elf = piece.startswith(_ELF)
        if self._is_elf:
            search.glibc = max([search.glibc, *map(int, _GLIBC.findall(content))])
        for path in [each for each in self._sought if each in content]:
            kind = self._sought.pop(path)
            if len(search.problems) < _MAX_PROBLEMS:
                search.problems.append(Problem(self._name, kind))
        self._end = content[-search.overlap :]
        return piece


def _walk(folder: str, parent: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda each: each.name)
    for each in entries:
        name = parent + each.name
        yield name, each
        if each.is_dir(follow_symlinks=False):
            yield from _walk(each.path, f"{name}/")


def _add(archive: tarfile.TarFile, name: str, entry: os.DirEntry[str], search: _Search) -> None:
    header = tarfile.TarInfo(name)
    header.mtime = _MODIFIED
    if entry.is_symlink():
        header.type, header.linkname = tarfile.SYMTYPE, os.readlink(entry.path)  # noqa: PTH115  # an entry
        archive.addfile(header)
    elif entry.is_dir():
        header.type, header.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(header)
    else:
        status = entry.stat(follow_symlinks=False)
        header.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        header.size = status.st_size
        with open(entry.path, "rb") as file:  # noqa: PTH123  # thousands of files
            archive.addfile(header, _Searched(name, file, search))

"""Archives of environments that other tools have packed, such as conda-pack and venv-pack."""

from __future__ import annotations

import gzip
import hashlib
import io
import posixpath
import re
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from yarnhub.base.files import open_regular
from yarnhub.base.foreign_text import quoted
from yarnhub.environments.errors import StoreError
from yarnhub.environments.published.manifest import MAX_PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from yarnhub.environments.threads import Stop

_MAX_ENTRIES = 2_000_000
"""Files and folders; a large environment has 40 000."""
_SUFFIXES = (".tar.gz", ".tgz")
_PYTHON = re.compile(r"bin/python(3(\.\d+)?)?")
_LIBRARY = re.compile(r"lib(?:64)?/python(3\.\d{1,2})/.*")
_WHEEL = re.compile(
    r"lib(?:64)?/python3\.\d{1,2}/(?:site|dist)-packages/"
    r"([A-Za-z0-9][A-Za-z0-9._]*)-([A-Za-z0-9][A-Za-z0-9._+!]*)\.dist-info/METADATA"
)
_CONDA = re.compile(r"conda-meta/([a-z0-9_][a-z0-9._-]*)-([^/-]+)-([^/-]+)\.json")
_SHORT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!~-]{0,99}")
"""Names and versions that a manifest can have."""
_CHUNK = 1 << 20


@dataclass(slots=True)
class ForeignArchive:
    """What is known about an archive without unpacking it.

    Attributes:
        sha256: Its sum.
        size: Its bytes.
        files: How many files and folders it has.
        python: The version of Python that its packages are for, such as `3.12`; empty if unknown.
        packages: The versions of its packages by their normalized names.
        problems: What its user should know, as sentences.
    """

    sha256: str = ""
    size: int = 0
    files: int = 0
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def examine(archive: Path, stop: Stop) -> ForeignArchive:
    """Check and describe an archive. Blocks; memory use does not depend on its size.

    Raises:
        StoreError: It is not an archive of an environment, or cannot be read.
    """
    if not archive.name.endswith(_SUFFIXES):
        raise StoreError(f"{archive} must be a .tar.gz file, which YARN unpacks")
    found = _Contents(archive)
    try:
        with open_regular(archive) as file:
            reader = _Summed(file, stop)
            unpacked = gzip.GzipFile(fileobj=io.BufferedReader(reader, _CHUNK), mode="rb")
            with tarfile.open(fileobj=unpacked, mode="r|") as members:
                for member in members:
                    found.add(member)
                    # All of them are kept otherwise.
                    members.members.clear()  # type: ignore[attr-defined]  # not in typeshed
            while unpacked.read(_CHUNK):  # the sum is of the whole file
                pass
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, ValueError) as error:
        reason = f"it is not a .tar.gz file, or it is incomplete: {error}"
        raise StoreError(f"{archive} cannot be read: {reason}") from error
    except OSError as error:
        raise StoreError(f"{archive} cannot be read: {error.strerror or error}") from error
    return found.result(reader)


class _Summed(io.RawIOBase):
    """A file that is read once, with its sum."""

    def __init__(self, file: BinaryIO, stop: Stop) -> None:
        self._file = file
        self._stop = stop
        self.sum = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read the next bytes."""
        self._stop.check()
        content = self._file.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(content)] = content
        self.sum.update(content)
        self.size += len(content)
        return len(content)


class _Contents:
    """The names in an archive."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._count = 0
        self._has_bin = False
        self._tops: set[str] = set()
        self._links: dict[str, str] = {}
        self._found = ForeignArchive()

    def add(self, member: tarfile.TarInfo) -> None:
        """Take note of a file."""
        self._count += 1
        if self._count > _MAX_ENTRIES:
            raise StoreError(f"{self._archive} has more than {_MAX_ENTRIES} files")
        name = posixpath.normpath(member.name)
        if name.startswith(("/", "../")) or name == "..":
            raise StoreError(f"{self._archive} has the file {quoted(name)} outside of its folder")
        if member.isdev():
            raise StoreError(f"{self._archive} has the device or pipe {quoted(name)}")
        if len(self._tops) < 2:
            self._tops.add(name.partition("/")[0])
        self._has_bin = self._has_bin or name.startswith("bin/")
        if _PYTHON.fullmatch(name):
            self._links[name] = member.linkname if member.issym() else ""
        if (library := _LIBRARY.fullmatch(name)) is not None:
            self._found.python = library[1]
        self._add_package(name)

    def _add_package(self, name: str) -> None:
        match = _WHEEL.fullmatch(name) or _CONDA.fullmatch(name)
        if match is not None and len(self._found.packages) < MAX_PACKAGES:
            normalized = re.sub(r"[-_.]+", "-", match[1]).lower().strip("-")
            if all(_SHORT.fullmatch(each) for each in (normalized, match[2])):
                self._found.packages[normalized] = match[2]

    def result(self, reader: _Summed) -> ForeignArchive:
        """What was found."""
        if not self._has_bin:
            (top, *more) = sorted(self._tops - {"."}) or [""]
            inside = f", only the folder {quoted(top)}: pack the content of that folder"
            raise StoreError(
                f"{self._archive} has no folder `bin` at its top level"
                f"{inside if top and not more else ''}"
            )
        if not self._links:
            raise StoreError(f"{self._archive} has no bin/python: it is not a Python environment")
        for name, target in self._links.items():
            if target.startswith("/"):
                self._found.problems.append(
                    f"{name} is a link to {quoted(target)}: each node needs this Python, in the "
                    "same version"
                )
        self._found.sha256, self._found.size = reader.sum.hexdigest(), reader.size
        self._found.files = self._count
        return self._found

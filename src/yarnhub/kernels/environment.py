"""The environment of a kernel: an archive or a folder with its programs."""

from __future__ import annotations

import functools
import pkgutil
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.kernels import bounds
from yarnhub.spec import File, FileType, FileVisibility
from yarnhub.spec import _reading as reading

ENVIRONMENT = "environment"
"""The folder of an environment's archive in the container."""
_ARCHIVE = "environment.tar.gz"
"""The archive itself, if the container unpacks it."""
_PACKED = (".tar.gz", ".tgz")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_key = reading.matching(r"[0-9a-f]{64}", "the key of an environment: 64 hexadecimal digits")
# It becomes part of PATH and a word of a shell's line.
_node_path = reading.matching(
    r"/[A-Za-z0-9._/+@=-]*",
    "an absolute path on the nodes, of letters, digits and the characters . _ / + @ = -",
)


def file_on_cluster(value: object) -> File:
    """Accept a file whose source means the same whatever the current folder is."""
    file = File.read(value)
    if not (_SCHEME.match(file.source) or file.source.startswith("/")):
        raise reading.wrong(
            "a URL, such as 'hdfs:///environments/science.tar.gz', or an absolute path",
            file.source,
        )
    return file


def archive_on_cluster(value: object) -> File:
    """Accept such a file if YARN unpacks it."""
    file = file_on_cluster(value)
    if file.type is not FileType.ARCHIVE:
        raise SpecError("", "is not an archive: its name must end with .tar.gz, .tgz or .zip")
    return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(reading.Element):
    """Where the programs of a kernel are. In a document its path or URL is enough.

    Attributes:
        archive: An archive with `bin` at its top level, which YARN unpacks on the node. By default
            an archive on a file system of the cluster is `PRIVATE`: a node downloads it once for
            all of a user's kernels.
        folder: A folder with `bin` that all nodes have.
        key: The key of an archive of `yarnhub env`; empty for others. The kernel's application has
            it as a tag, so that the use of each environment can be determined.
        unpack: Who unpacks the archive: `yarn`, or `container` for nodes on which YARN is slow. The
            node then needs a `python3`; see `environment_cache`.
        cache_size: The bytes of a user's environments that containers have unpacked on a node.
    """

    archive: File | None = None
    folder: str = ""
    key: str = ""
    unpack: str = "yarn"
    cache_size: int = 10240 * bounds.MEBIBYTE
    """Like yarn.nodemanager.localizer.cache.target-size-mb."""

    checks: ClassVar[reading.Checks] = {
        "archive": archive_on_cluster,
        "folder": reading.optional(_node_path),
        "key": reading.optional(_key),
        "unpack": reading.matching("yarn|container", "yarn or container"),
        "cache_size": bounds.memory,
    }

    def _check(self) -> None:
        if (self.archive is None) == (not self.folder):
            raise SpecError("", "write either `archive` or `folder`")
        if self.key and self.archive is None:
            raise SpecError("key", "is only possible with `archive`")
        if self.unpack == "container":
            if self.archive is None:
                raise SpecError("unpack", "is only possible with `archive`")
            if not self.archive.source.endswith(_PACKED):
                raise SpecError("unpack", "a container unpacks .tar.gz and .tgz files only")

    @classmethod
    def _expand(cls, data: object) -> object:
        if isinstance(data, str):
            is_archive = bool(_SCHEME.match(data)) or File(source=data).type is FileType.ARCHIVE
            data = {"archive": data} if is_archive else {"folder": data}
        document = dict(reading.as_mapping(data))
        found = document.get("archive")
        if isinstance(found, str):
            found = document["archive"] = {"source": found}
        if isinstance(found, Mapping) and found.get("visibility") is None:
            remote = _SCHEME.match(str(found.get("source", "")))
            if remote and remote[0].lower() != "file:":
                document["archive"] = {**found, "visibility": FileVisibility.PRIVATE}
        return document

    @property
    def files(self) -> dict[str, File]:
        """The files that it needs, by their names in the container's folder."""
        if self.archive is None:
            return {}
        if self.unpack == "container":
            return {_ARCHIVE: replace(self.archive, type=FileType.FILE)}
        return {ENVIRONMENT: self.archive}

    @property
    def names(self) -> frozenset[str]:
        """The names in the container's folder that it takes."""
        return frozenset({*self.files, *((ENVIRONMENT,) if self.archive is not None else ())})

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of applications that use it."""
        return (f"yarnhub-env:{self.key}",) if self.key else ()

    @property
    def bin(self) -> str:
        """The folder of its programs in a kernel's argv; see `protocol.Launch.argv`."""
        return f"{self.folder or f'{{resource_dir}}/{ENVIRONMENT}'}/bin"

    @property
    def prologue(self) -> str:
        """Shell lines that unpack and activate it."""
        unpacking = _unpacking(self.cache_size) if self.unpack == "container" else ""
        folder = shlex.quote(self.folder) if self.folder else f'"$PWD"/{ENVIRONMENT}'
        # An environment that is not relocatable sets the path that it was created at.
        return (
            f"{unpacking}if [ -f {folder}/bin/activate ]; then . {folder}/bin/activate; fi\n"
            f'export PATH={folder}/bin:"$PATH"\n'
        )


@functools.cache
def _unpacking(size: int) -> str:
    """Shell lines that unpack the archive. The container's processes inherit the lock."""
    source = pkgutil.get_data("yarnhub.kernels", "environment_cache.py") or b""
    run = 'python3 -IS -c "$_unpack"'
    return (
        "if ! command -v python3 > /dev/null; then\n"
        "echo 'The environment cannot be unpacked: this node has no python3.' >&2; exit 1\nfi\n"
        f"_unpack={shlex.quote(source.decode())}\n"
        f"_lock=$({run} lock {_ARCHIVE}) || exit 1\n"
        'exec 9<> "$_lock"\n'
        f'{run} unpack {_ARCHIVE} "$_lock" 9 {size} || exit 1\n'
        "unset _unpack _lock\n"
    )

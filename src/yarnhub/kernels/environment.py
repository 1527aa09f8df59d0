"""The environment of a kernel: an archive or a folder with its programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.spec import File, FileType, FileVisibility
from yarnhub.spec import _reading as reading

ENVIRONMENT = "environment"
"""The folder of an environment's archive in the container."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
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
    """

    archive: File | None = None
    folder: str = ""

    checks: ClassVar[reading.Checks] = {
        "archive": archive_on_cluster,
        "folder": reading.optional(_node_path),
    }

    def _check(self) -> None:
        if (self.archive is None) == (not self.folder):
            raise SpecError("", "write either `archive` or `folder`")

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
        return {ENVIRONMENT: self.archive} if self.archive is not None else {}

    @property
    def bin(self) -> str:
        """The folder of its programs in a kernel's argv; see `protocol.Launch.argv`."""
        return f"{self.folder or f'{{resource_dir}}/{ENVIRONMENT}'}/bin"

    @property
    def prologue(self) -> str:
        """Shell lines that activate it."""
        folder = shlex.quote(self.folder) if self.folder else f'"$PWD"/{ENVIRONMENT}'
        # An environment that is not relocatable sets the path that it was created at.
        return (
            f"if [ -f {folder}/bin/activate ]; then . {folder}/bin/activate; fi\n"
            f'export PATH={folder}/bin:"$PATH"\n'
        )

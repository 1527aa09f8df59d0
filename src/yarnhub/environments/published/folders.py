"""The folders of environments in HDFS. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.environments.published.environment import DamagedEnvironment
    from yarnhub.environments.published.manifest import EnvironmentRecord
    from yarnhub.filesystem.port import FileStatus

MERGED = ".merged-"
"""How the names of folders begin in which other environments of the same name are joined to one."""
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class EnvironmentFolder:
    """An environment whose record has been read.

    Attributes:
        status: Its folder.
        record: Its name, and the choice of a version.
        versions: The folders of its versions by their numbers, ordered.
        merged: Folders whose versions are to be moved into this one.
    """

    status: FileStatus
    record: EnvironmentRecord
    versions: Mapping[int, FileStatus]
    merged: tuple[FileStatus, ...] = ()

    @classmethod
    def of(
        cls, status: FileStatus, record: EnvironmentRecord, entries: Iterable[FileStatus]
    ) -> EnvironmentFolder:
        """The environment of a folder with these entries."""
        folders = [each for each in entries if each.is_directory]
        numbered = {
            int(name_of(each)): each for each in folders if _NUMBER.fullmatch(name_of(each))
        }
        merged = tuple(each for each in folders if name_of(each).startswith(MERGED))
        return cls(status, record, dict(sorted(numbered.items())), merged)

    @property
    def url(self) -> str:
        """The folder's URL."""
        return self.status.path

    @property
    def current(self) -> int:
        """The number of the current version; 0 if there is none."""
        return self.record.choose(tuple(self.versions))


@dataclass(frozen=True, slots=True)
class OwnedFolders:
    """The folders of an owner.

    Attributes:
        usable: Environments, ordered by id.
        damaged: Folders whose records cannot be used.
    """

    usable: tuple[EnvironmentFolder, ...]
    damaged: tuple[DamagedEnvironment, ...]

    def named(self, name: str) -> tuple[EnvironmentFolder, ...]:
        """The environments of a name: one, or several until `Publication.merged` joins them."""
        return tuple(each for each in self.usable if each.record.name == name)


def name_of(status: FileStatus) -> str:
    """The last part of a path."""
    return status.path.rpartition("/")[2]

"""Published environments, as their owner and those with access find them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.spec import File, FileType, FileVisibility

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from yarnhub.environments.published.manifest import EnvironmentRecord, VersionManifest
    from yarnhub.environments.specification import Access

ROOT = "/yarnhub/environments"
"""The default folder in HDFS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """One version of an environment. Of its files, only the manifest's kernel can change.

    Attributes:
        number: Its number; later versions have greater ones.
        url: The archive's URL.
        size: The archive's bytes.
        modification_time: Of the archive: milliseconds since 1970.
        readable_by_all: Whether its own permissions exclude nobody; the environment's can.
        manifest: What is in it.
    """

    number: int
    url: str
    size: int
    modification_time: int
    readable_by_all: bool
    manifest: VersionManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEnvironment:
    """An environment that this user can use.

    Attributes:
        id: The name of its folder, unique in the root.
        folder: The folder's URL.
        owner: The owner of the folder in HDFS.
        record: Its name, and which version is current.
        current: The current version.
        versions: `find` reads all, ordered by number; `find_all` reads the current one only.
        access: Who else can use it; None if only the owner can see that, and this user is another.
        is_public: Whether every user can read it, so that nodes can keep one copy for all.
        problems: Why other versions cannot be used, or who has access is unknown; as sentences.
    """

    id: str
    folder: str
    owner: str
    record: EnvironmentRecord
    current: PublishedVersion
    versions: tuple[PublishedVersion, ...]
    access: Access | None
    is_public: bool
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name; the owner's environments have different ones."""
        return self.record.name

    @property
    def manifest(self) -> VersionManifest:
        """What is in the current version."""
        return self.current.manifest

    @property
    def url(self) -> str:
        """The URL of the current version's archive."""
        return self.current.url

    @property
    def size(self) -> int:
        """The bytes of the current version's archive."""
        return self.current.size

    @property
    def modification_time(self) -> int:
        """Of the current version's archive: milliseconds since 1970."""
        return self.current.modification_time

    def without_packages(self) -> Self:
        """The same without most of what its owner can make large, and with one version."""
        slim = replace(self.current, manifest=self.current.manifest.without_packages())
        return replace(self, current=slim, versions=(slim,), problems=())

    def file(self) -> File:
        """The current version for the files of a container, where YARN unpacks it."""
        return File(
            source=self.url,
            type=FileType.ARCHIVE,
            visibility=FileVisibility.PUBLIC if self.is_public else FileVisibility.PRIVATE,
            size=self.size,
            timestamp=self.modification_time,
        )


@dataclass(frozen=True, slots=True)
class DamagedEnvironment:
    """A folder that cannot be used.

    Attributes:
        url: The folder's URL.
        owner: Its owner in HDFS.
        problem: The reason, as a sentence.
    """

    url: str
    owner: str
    problem: str

    @property
    def id(self) -> str:
        """The name of the folder, by which its owner deletes it."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in the root.

    Attributes:
        environments: Those that this user can use: first the user's own, ordered by owner and name.
        damaged: Folders that cannot be used, first the user's own.
        unread: How many folders of each owner were not read: there was no time, or an owner has too
            many. `EnvironmentStore.find` reads each of them.
    """

    environments: tuple[PublishedEnvironment, ...]
    damaged: tuple[DamagedEnvironment, ...]
    unread: Mapping[str, int]

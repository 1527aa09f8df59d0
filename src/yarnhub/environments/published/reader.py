"""The environments that are published in HDFS, as one user finds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.environments.conda_lock import read_conda_lock, write_conda_lock
from yarnhub.environments.errors import EnvironmentNotFoundError, StoreError
from yarnhub.environments.published import manifest as files
from yarnhub.environments.published.catalog import Catalog
from yarnhub.environments.published.environment import ROOT, PublishedEnvironment
from yarnhub.environments.published.manifest import Origin
from yarnhub.environments.requirements import read_lock, write_lock
from yarnhub.environments.specification import MAX_LOCK, EnvironmentSpec
from yarnhub.environments.threads import in_parser
from yarnhub.filesystem.errors import PathNotFoundError

if TYPE_CHECKING:
    from yarnhub.environments.published.environment import (
        DamagedEnvironment,
        PublishedVersion,
        Survey,
    )
    from yarnhub.environments.published.folders import EnvironmentFolder, OwnedFolders
    from yarnhub.filesystem.port import FileSystem

Select = Callable[[Sequence[int]], Sequence[int]]
"""Selects from the numbers of all versions, which are ordered."""
_MAX_SPECIFICATION = 2 * MAX_LOCK
_SHOWN_DAMAGED = 5


class EnvironmentReader:
    """The environments in a folder of HDFS.

    Names of environments are those of own ones; `find` accepts `owner/name`, too. Cancelling a call
    leaves nothing behind. Every call raises the errors of `yarnhub.filesystem.port.FileSystem`, and
    each request has its deadline.

    Args:
        file_system: The cluster's, as the user.
        root: The folder.
        user: The user's name in HDFS.
    """

    def __init__(self, file_system: FileSystem, root: str = ROOT, *, user: str) -> None:
        self.user = user
        self._root = root
        self._catalog = Catalog(file_system, root, user)

    async def find_all(self) -> tuple[PublishedEnvironment, ...]:
        """The user's environments, and those that others share, with the current version of each.

        Those that are damaged are left out: see `survey`.
        """
        return (await self.survey()).environments

    async def survey(self, *, slim: bool = False) -> Survey:
        """The same environments, and the folders that cannot be used.

        Args:
            slim: Whether to leave out most packages, as `PublishedEnvironment.without_packages`:
                there can be a MiB of them in each environment.
        """
        return await self._catalog.survey(slim=slim)

    async def find(
        self, name: str, *, all_versions: bool = True, select: Select | None = None
    ) -> PublishedEnvironment:
        """One environment.

        Args:
            name: The name of an own one, or `owner/name`.
            all_versions: Whether to read all of its versions, and not only the current one.
            select: Selects versions to read in addition to the current one, instead of all.

        Raises:
            EnvironmentNotFoundError: It does not exist, or is not shared with the user.
            StoreError: Its current version is damaged.
        """
        owner, _, rest = name.rpartition("/")
        folders = await self._catalog.folders((owner or self.user).__eq__)
        return await self._found(name, folders, rest, select or (_all if all_versions else _none))

    async def find_current(
        self, is_owner: Callable[[str], bool], name: str
    ) -> PublishedEnvironment | None:
        """One environment with its current version; None if it does not exist, or is not shared.

        Args:
            is_owner: Whether a user is the owner; nothing is read in the folders of others.
            name: The name, without the owner.

        Raises:
            StoreError: Its current version is damaged.
        """
        folders = await self._catalog.folders(is_owner)
        return await self._found(name, folders, name, _none) if folders.named(name) else None

    async def has(self, name: str, key: str) -> bool:
        """Whether an own environment has a version with a key: then nothing must be built."""
        folder = await self._own_or_none(name)
        return folder is not None and await self._with_key(folder, key) is not None

    async def specification(
        self, environment: PublishedEnvironment, version: PublishedVersion
    ) -> tuple[EnvironmentSpec, str] | None:
        """What a version was built from, and its lock; None if it was imported.

        Raises:
            StoreError: The files are damaged.
        """
        if version.manifest.origin is Origin.IMPORT:
            return None
        folder, owner = version.url.rpartition("/")[0], environment.owner
        try:
            written = await self._catalog.read(
                f"{folder}/{files.SPECIFICATION}", owner, _MAX_SPECIFICATION
            )
            lock = await self._catalog.read(f"{folder}/{files.LOCK}", owner, MAX_LOCK)
            return await in_parser(lambda: (_specification(written), _lock(lock)))
        except SpecError as error:
            raise StoreError(f"{folder} cannot be used: {error}") from error

    async def conda_lock(self, environment: PublishedEnvironment, version: PublishedVersion) -> str:
        """The lock of a version's conda packages; empty without any, or if it was imported.

        Raises:
            StoreError: The files are damaged.
        """
        built = await self.specification(environment, version)
        if built is None or not built[0].conda.is_used:
            return ""
        folder = version.url.rpartition("/")[0]
        path = f"{folder}/{files.CONDA_LOCK}"
        try:
            lock = await self._catalog.read(path, environment.owner, MAX_LOCK)
            return await in_parser(lambda: _conda_lock(lock))
        except SpecError as error:
            raise StoreError(f"{folder} cannot be used: {error}") from error

    async def _own_or_none(self, name: str) -> EnvironmentFolder | None:
        return next(iter((await self._catalog.own_folders()).named(name)), None)

    async def _with_key(self, folder: EnvironmentFolder, key: str) -> PublishedVersion | None:
        """The newest version with a key, without those that are damaged."""
        for number in sorted(folder.versions, reverse=True):
            try:
                version = await self._catalog.version(folder, number)
            except (SpecError, PathNotFoundError):
                continue
            if version.manifest.key == key:
                return version
        return None

    async def _found(
        self, shown: str, folders: OwnedFolders, name: str, select: Select
    ) -> PublishedEnvironment:
        for folder in folders.named(name):
            try:
                return await self._catalog.environment(folder, select(tuple(folder.versions)))
            except SpecError as error:
                raise StoreError(f"the environment {shown} cannot be used: {error}") from error
        raise self._not_found(shown, folders.damaged)

    def _not_found(
        self, name: str, damaged: Sequence[DamagedEnvironment] = ()
    ) -> EnvironmentNotFoundError:
        if "/" in name:
            return EnvironmentNotFoundError(
                f"there is no environment {name} in {self._root}, or it is not shared with you"
            )
        # Their names are unknown: one may be this.
        unknown = (
            f"; {each.url} cannot be used, because {each.problem}: delete it with `yarnhub env rm "
            f"{each.id}`"
            for each in damaged[:_SHOWN_DAMAGED]
        )
        return EnvironmentNotFoundError(
            f"{self.user} has no environment {name} in {self._root}; others' are named OWNER/NAME"
            f"{''.join(unknown)}"
        )


def _specification(content: bytes) -> EnvironmentSpec:
    return EnvironmentSpec.from_json(content.decode(errors="replace"))


def _lock(content: bytes) -> str:
    """A lock, written again: somebody else's text is not shown as it is."""
    return write_lock(read_lock(content.decode(errors="replace")))


def _conda_lock(content: bytes) -> str:
    return write_conda_lock(read_conda_lock(content.decode(errors="replace")))


def _all(numbers: Sequence[int]) -> Sequence[int]:
    return numbers


def _none(_numbers: Sequence[int]) -> Sequence[int]:
    return ()

"""Publishes a version of an environment in HDFS: completely, by one rename, or not at all."""

from __future__ import annotations

import contextlib
import itertools
import posixpath
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, ConfigurationError
from yarnhub.environments.errors import EnvironmentLimitError, StoreError
from yarnhub.environments.published.folders import MERGED
from yarnhub.environments.published.manifest import MANIFEST, MAX_VERSION, RECORD, EnvironmentRecord
from yarnhub.environments.specification import Access
from yarnhub.filesystem.acl import MAX_ENTRIES, AclEntry, AclKind
from yarnhub.filesystem.errors import (
    AclsUnavailableError,
    PathExistsError,
    PathNotFoundError,
)
from yarnhub.filesystem.paths import Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from yarnhub.environments.published.catalog import Catalog
    from yarnhub.environments.published.content import Content
    from yarnhub.environments.published.folders import EnvironmentFolder
    from yarnhub.environments.published.partial_folders import PartialFolders
    from yarnhub.filesystem.port import FileStatus, FileSystem

_STICKY, _OTHERS_WRITE = 0o1000, 0o022
_ROOT_MODE, _ABOVE_MODE = 0o1777, 0o755
_OPEN, _PRIVATE = 0o755, 0o700
_FILE = 0o644
"""Files and versions can be read by all who can enter the environment's folder: so access is
granted and withdrawn by one call, for all versions."""
_READ_AND_ENTER = 0o5


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """What one user can publish; None is no limit.

    Attributes:
        max_environments: How many environments.
        max_size: Bytes of all versions.
    """

    max_environments: int | None = None
    max_size: int | None = None


class Publication:
    """Publishes versions as one user.

    Args:
        file_system: The cluster's, as the user.
        root: The folder.
        user: The user's name in HDFS.
        catalog: The environments in the folder.
        partials: The folders in it that are not finished.
        limits: What the user can publish.
    """

    def __init__(
        self,
        file_system: FileSystem,
        root: str,
        user: str,
        *,
        catalog: Catalog,
        partials: PartialFolders,
        limits: StoreLimits,
    ) -> None:
        self._file_system = file_system
        self._root = root
        self._user = user
        self._catalog = catalog
        self._partials = partials
        self._limits = limits

    async def prepare_root(self) -> None:
        """Create the root, unless it exists, and check that it is safe.

        Cancelling may leave it created.

        Raises:
            ConfigurationError: The user cannot create it, or others could replace environments.
        """
        try:
            await self._file_system.make_directory(posixpath.dirname(self._root), _ABOVE_MODE)
            await self._file_system.make_directory(self._root, _ROOT_MODE)
        except AccessDeniedError as error:
            raise ConfigurationError(f"{error}: {self._advice()}") from error
        status = await self._file_system.status(self._root)
        if status is None:
            raise ConfigurationError(f"{self._root} was deleted meanwhile: {self._advice()}")
        if status.permission & _OTHERS_WRITE and not status.permission & _STICKY:
            raise ConfigurationError(
                f"{status.path} has no sticky bit, so that users could replace the environments "
                f"of others: an administrator sets it with `hdfs dfs -chmod 1777 {status.path}`"
            )
        await self._check_owners(status)

    async def _check_owners(self, folder: FileStatus) -> None:
        """Refuse a root, and folders above it, that another user without privileges could make.

        The owner of a folder can rename what is in it, in spite of a sticky bit.
        """
        folders = [folder]
        location = Location.parse(folder.path)
        while location is not None and location.path != "/":
            above = f"{location.root}{posixpath.dirname(location.path)}"
            status = await self._file_system.status(above)
            if status is None:
                return
            folders.append(status)
            location = Location.parse(above)
        superuser = folders[-1].owner
        for each, parent in itertools.pairwise(folders):
            trusted = each.owner in (self._user, parent.owner, superuser)
            if parent.permission & _OTHERS_WRITE and not trusted:
                raise ConfigurationError(
                    f"{each.path} belongs to {each.owner}, who could replace the environments of "
                    f"others: an administrator changes that with `hdfs dfs -chown {superuser} "
                    f"{each.path}`, or use another --root"
                )

    async def check_limits(self, folder: EnvironmentFolder | None, size: int) -> None:
        """Refuse what would exceed a limit. Cancelling leaves nothing behind.

        Args:
            folder: The environment; None for a new one.
            size: The bytes of a new version.

        Raises:
            EnvironmentLimitError: There are too many environments or bytes.
        """
        folders = (await self._catalog.own_folders()).usable
        most, most_bytes = self._limits.max_environments, self._limits.max_size
        if folder is None and most is not None and len(folders) >= most:
            raise EnvironmentLimitError(
                f"{self._user} has {len(folders)} environments, and the site allows {most}: "
                "delete one with `yarnhub env rm NAME`"
            )
        if most_bytes is None:
            return
        used = 0
        for each in folders:
            used += await self._catalog.size(each)
        if used + size > most_bytes:
            raise EnvironmentLimitError(
                f"the environments of {self._user} have {_mebibytes(used)}, this one would add "
                f"{_mebibytes(size)}, and the site allows {_mebibytes(most_bytes)}: delete old "
                "versions with `yarnhub env rm NAME --version NUMBER`"
            )

    async def publish(
        self,
        content: Content,
        folder: EnvironmentFolder | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        """Upload a version, and publish it.

        If cancelled, it has been published completely, or not at all; if the process is killed,
        there may be a folder that `EnvironmentStore.sweep` deletes a day later.

        Args:
            content: The version.
            folder: The environment; None for a new one.
            progress: Called with the bytes sent so far.

        Raises:
            StoreError: The archive or the environment has been changed or deleted meanwhile.
        """
        partial = self._partials.new()
        try:
            await self._upload(content, partial, progress)
            if folder is not None:
                await self._add_version(content, partial, folder)
            else:
                await self._create(content, partial)
        finally:
            await self._partials.discard(partial)
        if folder is None:
            await self.merged(content.name)

    async def merged(self, name: str) -> EnvironmentFolder | None:
        """The own environment of a name, made one if several were created at the same time.

        Each publisher moves the versions of the others into the environment with the lowest id. If
        cancelled or killed, the next call continues; each version is in one of them at any time.
        """
        found = (await self._catalog.own_folders()).named(name)
        if len(found) > 1 or any(each.merged for each in found):
            await self._merge(found)
            found = (await self._catalog.own_folders()).named(name)
        return found[0] if found else None

    async def set_access(self, url: str, access: Access) -> None:
        """Set who can use an environment, in addition to the user. If cancelled, it may be set.

        Raises:
            StoreError: There are too many users and groups, or the cluster can share with everyone
                only.
        """
        acl = [
            *(AclEntry(AclKind.USER, each, _READ_AND_ENTER) for each in access.users),
            *(AclEntry(AclKind.GROUP, each, _READ_AND_ENTER) for each in access.groups),
        ]
        if len(acl) > MAX_ENTRIES:
            raise StoreError(
                f"HDFS allows {MAX_ENTRIES} users and groups for an environment, not {len(acl)}: "
                "share it with a group"
            )
        try:
            await self._file_system.set_access(url, _OPEN if access.everyone else _PRIVATE, acl)
        except AclsUnavailableError as error:
            raise StoreError(
                f"{error}: share it with everyone, or ask an administrator to set "
                "dfs.namenode.acls.enabled=true in the hdfs-site.xml of the NameNodes"
            ) from error

    async def _upload(
        self, content: Content, partial: str, progress: Callable[[int], None] | None
    ) -> None:
        # The version is open for those who can enter the folder around it.
        version = f"{partial}/1"
        try:
            await self._file_system.make_directory(partial, _PRIVATE)
        except AccessDeniedError as error:
            raise ConfigurationError(f"{error}: {self._advice()}") from error
        await self._file_system.make_directory(version, _OPEN)
        archive = f"{version}/{content.manifest.archive}"
        sent = await self._file_system.upload(content.archive, archive, _FILE, progress)
        if sent.length != content.manifest.size:
            raise StoreError(f"{content.archive} was changed while it was uploaded: build it again")
        for name, document in content.documents.items():
            await self._file_system.write(f"{version}/{name}", document, _FILE)
        await self._file_system.write(f"{version}/{MANIFEST}", content.manifest.dump(), _FILE)

    async def _create(self, content: Content, partial: str) -> None:
        record = EnvironmentRecord(name=content.name)
        await self._file_system.write(f"{partial}/{RECORD}", record.dump(), _FILE)
        if content.access != Access():
            await self.set_access(partial, content.access)
        await self._file_system.move(partial, f"{self._root}/{secrets.token_hex(8)}")

    async def _add_version(self, content: Content, partial: str, folder: EnvironmentFolder) -> None:
        try:
            if content.access != Access():
                # Before the version appears: those who lose access do not see it.
                await self.set_access(folder.url, content.access)
            await self._move_version(f"{partial}/1", folder)
        except PathNotFoundError as error:
            raise StoreError(
                f"the environment {folder.record.name} was deleted meanwhile: publish it again"
            ) from error

    async def _move_version(self, url: str, folder: EnvironmentFolder) -> None:
        """Move a version to the next number; another publisher may take that at the same time."""
        number = max(folder.record.newest, *folder.versions, 0)
        while number < MAX_VERSION:
            number += 1
            try:
                await self._file_system.move(url, f"{folder.url}/{number}")
            except PathExistsError:
                continue
            return
        raise StoreError(f"the environment {folder.record.name} has too many versions")

    async def _merge(self, found: Sequence[EnvironmentFolder]) -> None:
        """Move all versions into the first of several environments of the same name."""
        first = found[0]
        for other in found[1:]:
            await self._move_versions(other.versions.values(), first)
            with contextlib.suppress(PathNotFoundError):  # another publisher does the same
                # From now on, nothing can be added to it; what was added is found in the first.
                aside = f"{first.url}/{MERGED}{secrets.token_hex(8)}"
                await self._file_system.move(other.url, aside)
                await self._empty(aside, first)
        for each in first.merged:
            with contextlib.suppress(PathNotFoundError):
                await self._empty(each.path, first)

    async def _empty(self, url: str, folder: EnvironmentFolder) -> None:
        """Move the versions out of a folder that was merged, and delete it."""
        entries = [each for each in await self._file_system.list(url) if each.is_directory]
        for each in entries:
            if each.path.rpartition("/")[2].startswith(MERGED):
                await self._empty(each.path, folder)
        await self._move_versions(entries, folder)
        await self._file_system.delete(url, recursive=True)

    async def _move_versions(
        self, versions: Iterable[FileStatus], folder: EnvironmentFolder
    ) -> None:
        for each in versions:
            with contextlib.suppress(PathNotFoundError):  # another publisher has moved it
                await self._move_version(each.path, folder)

    def _advice(self) -> str:
        return (
            f"an HDFS administrator creates {self._root} with `hdfs dfs -mkdir -p {self._root}` "
            f"and `hdfs dfs -chmod 1777 {self._root}`, or use another --root"
        )


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"

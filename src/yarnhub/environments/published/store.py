"""The environments that are published in HDFS, as one user publishes, shares and deletes them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError, YarnhubError
from yarnhub.environments.errors import EnvironmentInUseError, EnvironmentNotFoundError, StoreError
from yarnhub.environments.published import manifest as files
from yarnhub.environments.published.content import built_content, imported_content
from yarnhub.environments.published.environment import ROOT, PublishedEnvironment
from yarnhub.environments.published.foreign_archive import examine
from yarnhub.environments.published.partial_folders import PartialFolders
from yarnhub.environments.published.publication import Publication, StoreLimits
from yarnhub.environments.published.reader import EnvironmentReader
from yarnhub.environments.specification import Access, EnvironmentSpec
from yarnhub.environments.threads import in_thread
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.filesystem.partials import sweep_partials

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.environments.local_build.environment import BuiltEnvironment
    from yarnhub.environments.published.content import Content
    from yarnhub.environments.published.folders import EnvironmentFolder
    from yarnhub.filesystem.port import FileSystem

    Sent = Callable[[int], None]

InUse = Callable[[PublishedEnvironment], Awaitable[tuple[str, ...]]]
"""The applications that use a version of an environment, as words for a message."""
_SHOWN_USES = 5


class EnvironmentStore(EnvironmentReader):
    """The environments in a folder of HDFS, of which the user can change the own ones.

    Every call raises the errors of `yarnhub.filesystem.port.FileSystem`, and each request has its
    deadline.

    Args:
        file_system: The cluster's, as the user.
        root: The folder.
        user: The user's name in HDFS.
        limits: What the user can publish.
    """

    def __init__(
        self,
        file_system: FileSystem,
        root: str = ROOT,
        *,
        user: str,
        limits: StoreLimits | None = None,
    ) -> None:
        super().__init__(file_system, root, user=user)
        self._file_system = file_system
        self._partials = PartialFolders(file_system, root, user)
        self._publication = Publication(
            file_system,
            root,
            user,
            catalog=self._catalog,
            partials=self._partials,
            limits=limits or StoreLimits(),
        )

    async def check_limits(self, name: str, size: int = 0) -> None:
        """Refuse a publication in advance: a build takes minutes.

        Raises:
            EnvironmentLimitError: The site allows the user no more environments, or bytes.
        """
        await self._publication.check_limits(await self._own_or_none(name), size)

    async def publish(
        self,
        specification: EnvironmentSpec,
        built: BuiltEnvironment,
        progress: Sent | None = None,
        *,
        application: str = "",
    ) -> PublishedEnvironment:
        """Publish what was built, as the current version of the environment of that name.

        A version with the same key becomes current again, without an upload, with the `kernel` of
        the specification. An `access` of the specification replaces who could use the environment
        before; without it, nothing changes.

        If cancelled, it has been published completely, or not at all; the access of an existing
        environment may have been replaced.

        Args:
            specification: The environment.
            built: The result of `build`; the archive can be missing if `has` returns true.
            progress: Called with the bytes sent so far.
            application: The id of the application that has built it; empty for none.

        Raises:
            EnvironmentLimitError: The site allows the user no more environments, or bytes.
            ConfigurationError: The root does not exist, or is not safe.
            StoreError: The version with this key was deleted meanwhile.
        """
        archive = built.archive
        content = (
            None if archive is None else built_content(specification, built, archive, application)
        )
        return await self._publish(specification, built.key, content, progress)

    async def import_archive(
        self, name: str, archive: Path, progress: Sent | None = None
    ) -> PublishedEnvironment:
        """Publish an archive that another tool has packed, as the current version.

        If cancelled, it has been published completely, or not at all.

        Raises:
            StoreError: It is not an archive of an environment.
            SpecError: The name is not allowed.
            EnvironmentLimitError: The site allows the user no more environments, or bytes.
        """
        found = await in_thread(lambda stop: examine(archive, stop))
        content = imported_content(name, archive, found)
        return await self._publish(content, found.sha256, content, progress)

    async def share(self, name: str, access: Access) -> None:
        """Set who else can use an own environment, instead of those who could before.

        One request changes it for all versions; if cancelled, it may have been changed. Copies that
        nodes have downloaded are not deleted.

        Raises:
            EnvironmentNotFoundError: It does not exist.
            StoreError: There are too many users and groups, or the cluster can share with everyone
                only.
        """
        folder = await self._own(name)
        await self._publication.set_access(folder.url, access)

    async def roll_back(self, name: str, number: int) -> PublishedEnvironment:
        """Make a version of an own environment current, until a new one is published.

        If cancelled, it may have been done.

        Raises:
            EnvironmentNotFoundError: There is no such environment or version.
            StoreError: The version is damaged.
        """
        folder = await self._own(name)
        if number not in folder.versions:
            raise self._no_version(folder, number)
        try:
            await self._catalog.version(folder, number)
        except SpecError as error:
            raise StoreError(f"version {number} of {name} cannot be used: {error}") from error
        await self._choose(folder, number)
        return await self.find(name)

    async def delete(
        self,
        name: str,
        number: int | None = None,
        *,
        force: bool = False,
        in_use: InUse | None = None,
    ) -> None:
        """Delete an own environment, or one of its versions.

        It vanishes by one request. If cancelled, it may have been deleted; `sweep` deletes what is
        left of its files.

        Args:
            name: The environment; or the id of one that is damaged.
            number: A version that is not current; None for the whole environment.
            force: Delete it even if it is shared, or in use: containers that run with it continue,
                and applications start no others.
            in_use: Looks up the applications that use versions of an environment.

        Raises:
            EnvironmentNotFoundError: There is no such environment or version.
            EnvironmentInUseError: Applications use it, or others can; without `force`.
            StoreError: The version is the current one.
        """
        folder = await self._publication.merged(self._own_name(name))
        if folder is None:
            await self._delete_damaged(name)
            return
        if number is not None and number not in folder.versions:
            raise self._no_version(folder, number)
        if number is not None and number == folder.current:
            raise StoreError(
                f"version {number} is the current one of {name}: select another one with `yarnhub "
                f"env rollback {name}`, or delete the environment with all versions"
            )
        if not force:
            await self._refuse_if_used(folder, number, in_use)
        url = folder.url if number is None else folder.versions[number].path
        await self._discard(name, url)

    async def sweep(self, now: float) -> tuple[str, ...]:
        """Delete what own publications have left unfinished a day ago; returns the URLs.

        Cancelling leaves the rest for the next time.

        Args:
            now: Seconds since 1970.
        """
        deleted = await self._partials.sweep(now)
        for folder in (await self._catalog.own_folders()).usable:
            # A record that was being replaced.
            await sweep_partials(self._file_system, await self._file_system.list(folder.url), now)
        return deleted

    async def _publish(
        self,
        given: EnvironmentSpec | Content,
        key: str,
        content: Content | None,
        progress: Sent | None,
    ) -> PublishedEnvironment:
        name, access = given.name, given.access
        await self._publication.prepare_root()
        folder = await self._publication.merged(name)
        known = await self._with_key(folder, key) if folder is not None else None
        if known is None:
            size = content.manifest.size if content is not None else 0
            await self._publication.check_limits(folder, size)
        if folder is not None and known is not None:
            if access != Access():
                await self._publication.set_access(folder.url, access)
            # They are not a part of the key.
            manifest = replace(known.manifest, language=given.language, kernel=given.kernel)
            if manifest != known.manifest:
                url = f"{known.url.rpartition('/')[0]}/{files.MANIFEST}"
                await self._file_system.write(url, manifest.dump(), 0o644)
            if known.number != folder.current:
                await self._choose(folder, known.number)
        elif content is not None:
            await self._publication.publish(content, folder, progress)
            with contextlib.suppress(YarnhubError):  # it is published
                await self.sweep(datetime.now(UTC).timestamp())
        else:
            raise StoreError(
                f"the environment {name} has no version with the key {key} any more: build it again"
            )
        return await self.find(name)

    async def _choose(self, folder: EnvironmentFolder, number: int) -> None:
        newest = max(folder.record.newest, *folder.versions)
        record = replace(folder.record, current=number, newest=newest)
        await self._file_system.write(f"{folder.url}/{files.RECORD}", record.dump(), 0o644)

    async def _refuse_if_used(
        self, folder: EnvironmentFolder, number: int | None, in_use: InUse | None
    ) -> None:
        name = folder.record.name
        try:
            environment = await self._catalog.environment(folder)
        except SpecError:
            return  # nobody can use it
        if environment.access != Access() and number is None:
            raise EnvironmentInUseError(
                f"{name} is shared: withdraw it first with `yarnhub env share {name} --nobody`, or "
                "delete it with --force"
            )
        versions = [e for e in environment.versions if number in (None, e.number)]
        if in_use is not None:
            uses = await in_use(replace(environment, versions=tuple(versions)))
            if uses:
                shown = ", ".join(uses[:_SHOWN_USES]) + (", ..." if len(uses) > _SHOWN_USES else "")
                raise EnvironmentInUseError(
                    f"{name} is used by {shown}: stop these applications first, or delete it with "
                    "--force; their containers continue, but they can start no others"
                )

    async def _discard(self, name: str, url: str) -> None:
        try:
            aside = await self._partials.set_aside(url)
        except PathNotFoundError as error:
            raise self._not_found(name) from error
        await self._partials.discard(aside)

    async def _delete_damaged(self, name: str) -> None:
        """Delete an own folder that is addressed by its id, because its name is not readable."""
        damaged = await self._catalog.own_damaged(name)
        for each in damaged:
            if each.id == name:
                await self._discard(name, each.url)
                return
        raise self._not_found(name, damaged)

    async def _own(self, name: str) -> EnvironmentFolder:
        folder = await self._publication.merged(self._own_name(name))
        if folder is None:
            raise self._not_found(name, (await self._catalog.own_folders()).damaged)
        return folder

    def _own_name(self, name: str) -> str:
        """The name without its owner, who must be the user."""
        owner, _, rest = name.rpartition("/")
        if owner not in ("", self.user):
            raise StoreError(f"{name} belongs to another user, who alone can change it")
        return rest

    def _no_version(self, folder: EnvironmentFolder, number: int) -> EnvironmentNotFoundError:
        known = ", ".join(map(str, folder.versions))
        return EnvironmentNotFoundError(
            f"{folder.record.name} has no version {number}, only {known or 'none'}"
        )

"""Finds environments in HDFS, where other users can create folders with any content."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AccessDeniedError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    RemoteProtocolError,
    SpecError,
)
from yarnhub.base.single_flight import SingleFlight
from yarnhub.base.tasks import task_group
from yarnhub.environments.published.environment import (
    DamagedEnvironment,
    PublishedEnvironment,
    PublishedVersion,
    Survey,
)
from yarnhub.environments.published.fair_reading import read_in_turns
from yarnhub.environments.published.folders import EnvironmentFolder, OwnedFolders, name_of
from yarnhub.environments.published.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    MAX_RECORD,
    RECORD,
    EnvironmentRecord,
    VersionManifest,
)
from yarnhub.environments.specification import Access
from yarnhub.environments.threads import in_parser
from yarnhub.filesystem.acl import AclKind
from yarnhub.filesystem.errors import AclsUnavailableError, FileSystemError, PathNotFoundError
from yarnhub.filesystem.paths import Location

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from yarnhub.filesystem.port import FileStatus, FileSystem

T = TypeVar("T")
R = TypeVar("R")

MAX_OF_OWNER = 200
"""Environments of each owner in a survey."""
_SURVEY = 10.0
"""Seconds in which a survey reads the folders of other users."""
_LAST_TIME = 253402300799000
"""The end of the year 9999, in milliseconds since 1970."""
_MAX_ENTRIES = 10_000
"""Entries of an environment's folder."""
_AT_ONCE = 16
"""Folders that are read at the same time."""
_PATIENCE = 10.0
"""Seconds for the folder of another user, whose files can be damaged."""
_FRESH = 10.0
"""Seconds for which the permissions of the root are remembered."""
_QUICKLY_PARSED = 1 << 13
"""Bytes of a manifest that is parsed in two milliseconds."""
_ID = re.compile(r"[0-9a-f]{16}")
_GROUP_AND_OTHERS, _OTHERS_WRITE = 0o077, 0o022
_READ_AND_ENTER, _READ, _ENTER = 0o005, 0o004, 0o001


class Catalog:
    """The environments in a folder of HDFS, as one user sees them.

    Cancelling any of its calls leaves nothing behind.

    Args:
        file_system: The cluster's, as the user.
        root: The folder.
        user: The user's name in HDFS.
    """

    def __init__(self, file_system: FileSystem, root: str, user: str) -> None:
        self._file_system = file_system
        self._root = root
        self._user = user
        self._root_is_open = SingleFlight(self._look_at_root, fresh=_FRESH)

    async def survey(self, *, slim: bool = False) -> Survey:
        """The environments, with the current version of each.

        Up to a number of each owner are read, and those of others in turns and for a limited time;
        `unread` counts the rest.

        Args:
            slim: Whether to leave out most packages, as `PublishedEnvironment.without_packages`.
        """
        look = self._look_without_packages if slim else self._look
        candidates = await self._candidates(lambda _: True)
        others = {owner: each[:MAX_OF_OWNER] for owner, each in candidates.items()}
        own = await self._each(others.pop(self._user, []), look)
        found, unread = await read_in_turns(others, look, _SURVEY)
        found += own
        for owner, each in candidates.items():
            if len(each) > MAX_OF_OWNER:
                unread[owner] = unread.get(owner, 0) + len(each) - MAX_OF_OWNER
        environments = [each for each in found if isinstance(each, PublishedEnvironment)]
        damaged = [each for each in found if isinstance(each, DamagedEnvironment)]
        return Survey(
            tuple(sorted(environments, key=lambda each: (*self._order(each.owner), each.name))),
            tuple(sorted(damaged, key=lambda each: (*self._order(each.owner), each.url))),
            dict(sorted(unread.items())),
        )

    async def folders(self, is_owner: Callable[[str], bool]) -> OwnedFolders:
        """The environments of some owners; nothing is read in the folders of others.

        Args:
            is_owner: Whether a user is one of them.
        """
        candidates = await self._candidates(is_owner)
        found = await self._each([one for each in candidates.values() for one in each], self._open)
        return OwnedFolders(
            tuple(each for each in found if isinstance(each, EnvironmentFolder)),
            tuple(each for each in found if isinstance(each, DamagedEnvironment)),
        )

    async def own_folders(self) -> OwnedFolders:
        """The user's environments."""
        return await self.folders(self._user.__eq__)

    async def own_damaged(self, first: str) -> tuple[DamagedEnvironment, ...]:
        """The user's folders of which the record or the current version cannot be used.

        Args:
            first: The id of the one that is read first; no more are read than by `survey`.
        """
        own = (await self._candidates(self._user.__eq__)).get(self._user, [])
        own.sort(key=lambda each: name_of(each) != first)
        found = await self._each(own[:MAX_OF_OWNER], self._look)
        return tuple(each for each in found if isinstance(each, DamagedEnvironment))

    async def environment(
        self, folder: EnvironmentFolder, numbers: Iterable[int] | None = None
    ) -> PublishedEnvironment:
        """An environment with some of its versions.

        Args:
            folder: The environment.
            numbers: The versions, in addition to the current one; None for all.

        Raises:
            SpecError: The current version is damaged, or there is none.
        """
        if not folder.current:
            raise SpecError("", f"{folder.url} has no versions")
        current = await self.version(folder, folder.current)
        wanted = folder.versions if numbers is None else numbers
        others = [each for each in wanted if each != folder.current]
        found = await self._each(others, lambda number: self._version_or_problem(folder, number))
        versions = [each for each in found if isinstance(each, PublishedVersion)]
        problems = [each for each in found if isinstance(each, str)]
        try:
            access = await self._access(folder.status)
        except SpecError as error:
            access = None
            problems.append(f"the access control list of {folder.url} is not supported: {error}")
        shared = folder.status.permission & _READ_AND_ENTER == _READ_AND_ENTER
        return PublishedEnvironment(
            id=name_of(folder.status),
            folder=folder.url,
            owner=folder.status.owner,
            record=folder.record,
            current=current,
            versions=tuple(sorted([current, *versions], key=lambda each: each.number)),
            access=access,
            is_public=shared and current.readable_by_all and await self._root_is_open.get(),
            problems=tuple(problems),
        )

    async def version(self, folder: EnvironmentFolder, number: int) -> PublishedVersion:
        """One version.

        Raises:
            SpecError: It does not exist, or is damaged.
        """
        status = folder.versions.get(number)
        if status is None:
            raise SpecError("", f"{folder.url} has no version {number}")
        owner = folder.status.owner
        _check(status, status.path, owner)
        url = f"{status.path}/{MANIFEST}"
        content = await self.read(url, owner, MAX_MANIFEST)
        try:
            manifest = await _parsed(content)
        except SpecError as error:
            raise SpecError("", f"{url}: {error}") from error
        at = f"{status.path}/{manifest.archive}"
        archive = _check(await self._file_system.status(at), at, owner, is_file=True)
        if not 0 <= archive.modification_time <= _LAST_TIME:  # its owner can set it
            raise SpecError("", f"{at} has an impossible modification time")
        if archive.length != manifest.size:
            raise SpecError("", f"{at} has {archive.length} bytes instead of {manifest.size}")
        return PublishedVersion(
            number=number,
            url=archive.path,
            size=archive.length,
            modification_time=archive.modification_time,
            readable_by_all=bool(status.permission & _ENTER and archive.permission & _READ),
            manifest=manifest,
        )

    async def read(self, url: str, owner: str, limit: int) -> bytes:
        """A whole file of an environment.

        Raises:
            SpecError: It does not exist, is not the owner's alone, is too large, or cannot be read.
        """
        return await self._content(await self._file_system.status(url), url, owner, limit)

    async def _content(self, status: FileStatus | None, url: str, owner: str, limit: int) -> bytes:
        if _check(status, url, owner, is_file=True).length > limit:
            raise SpecError("", f"{url} has more than {limit} bytes")
        content = bytearray()
        try:
            async with contextlib.aclosing(self._file_system.read(url, 0, limit)) as chunks:
                async for chunk in chunks:
                    content += chunk
        except (ConnectError, ConnectionLostError, DeadlineExceededError) as error:
            # The NameNode has responded; the DataNodes that have the file do not.
            raise SpecError("", f"{url} cannot be read: {error}") from error
        return bytes(content)

    async def size(self, folder: EnvironmentFolder) -> int:
        """The bytes of all files of an own environment's versions."""
        total = 0
        for version in folder.versions.values():
            try:
                total += sum(each.length for each in await self._file_system.list(version.path))
            except PathNotFoundError:  # it was deleted meanwhile
                continue
        return total

    async def _candidates(self, is_owner: Callable[[str], bool]) -> dict[str, list[FileStatus]]:
        """The folders that can be environments, by owner: the user's, and those that are shared."""
        try:
            entries = await self._file_system.list(self._root)
        except PathNotFoundError:
            return {}
        found: dict[str, list[FileStatus]] = {}
        for each in entries:
            # With an access control list, the group's bits are the most that it allows.
            shared = each.owner == self._user or each.permission & _GROUP_AND_OTHERS
            if (
                each.is_directory
                and shared
                and is_owner(each.owner)
                and _ID.fullmatch(name_of(each))
            ):
                found.setdefault(each.owner, []).append(each)
        return found

    async def _look_without_packages(
        self, status: FileStatus
    ) -> PublishedEnvironment | DamagedEnvironment | None:
        found = await self._look(status)
        return found.without_packages() if isinstance(found, PublishedEnvironment) else found

    async def _look(self, status: FileStatus) -> PublishedEnvironment | DamagedEnvironment | None:
        async def look() -> PublishedEnvironment:
            return await self.environment(await self._folder(status), ())

        return await self._or_damage(status, look)

    async def _open(self, status: FileStatus) -> EnvironmentFolder | DamagedEnvironment | None:
        return await self._or_damage(status, lambda: self._folder(status))

    async def _or_damage(
        self, status: FileStatus, look: Callable[[], Awaitable[R]]
    ) -> R | DamagedEnvironment | None:
        """What was found; None if it does not exist any more, or is not shared with the user."""
        mine = status.owner == self._user
        late = f"{status.path} could not be read within {_PATIENCE:g} s"
        try:
            async with Deadline(None if mine else _PATIENCE, late):
                return await look()
        except PathNotFoundError:
            return None
        except AccessDeniedError as error:
            return DamagedEnvironment(status.path, status.owner, str(error)) if mine else None
        except (SpecError, FileSystemError) as error:
            return DamagedEnvironment(status.path, status.owner, str(error))
        except RemoteProtocolError as error:  # a listing that is too long
            return DamagedEnvironment(status.path, status.owner, str(error))
        except (ConnectionLostError, DeadlineExceededError) as error:
            if mine:  # the NameNode does not respond: what is published is unknown
                raise
            return DamagedEnvironment(status.path, status.owner, str(error))

    async def _folder(self, status: FileStatus) -> EnvironmentFolder:
        _check(status, status.path, status.owner)
        entries = await self._file_system.list(status.path)
        if len(entries) > _MAX_ENTRIES:
            raise SpecError("", f"{status.path} has more than {_MAX_ENTRIES} entries")
        url = f"{status.path}/{RECORD}"
        file = next((each for each in entries if name_of(each) == RECORD), None)
        content = await self._content(file, url, status.owner, MAX_RECORD)
        try:
            record = EnvironmentRecord.parse(content)
        except SpecError as error:
            raise SpecError("", f"{url}: {error}") from error
        return EnvironmentFolder.of(status, record, entries)

    async def _version_or_problem(
        self, folder: EnvironmentFolder, number: int
    ) -> PublishedVersion | str:
        try:
            return await self.version(folder, number)
        except (SpecError, FileSystemError, AccessDeniedError) as error:
            return str(error)

    async def _access(self, status: FileStatus) -> Access | None:
        """Who can use an own environment."""
        if status.owner != self._user:
            return None
        if not status.permission & _GROUP_AND_OTHERS:
            return Access()
        try:
            acl = await self._file_system.acl(status.path)
        except AclsUnavailableError:
            acl = ()
        readers = [each for each in acl if each.permission & _READ_AND_ENTER == _READ_AND_ENTER]
        return Access(
            users=[each.name for each in readers if each.kind is AclKind.USER],
            groups=[each.name for each in readers if each.kind is AclKind.GROUP],
            everyone=status.permission & _READ_AND_ENTER == _READ_AND_ENTER,
        )

    async def _look_at_root(self) -> bool:
        """Whether all users can enter the root, without which YARN refuses PUBLIC files.

        Source: org.apache.hadoop.yarn.util.FSDownload.isPublic.
        """
        status = await self._file_system.status(self._root)
        while status is not None and status.permission & _ENTER:
            location = Location.parse(status.path)
            above = location.path.rpartition("/")[0] if location is not None else ""
            if location is None or not above:
                return True
            status = await self._file_system.status(f"{location.root}{above}")
        return False

    async def _each(self, items: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
        """The results of calls, a few of them at the same time."""
        found: dict[int, R] = {}
        left = iter(enumerate(items))

        async def work_on_some() -> None:
            for index, item in left:
                found[index] = await work(item)

        async with task_group() as group:
            for _ in range(min(_AT_ONCE, len(items))):
                group.create_task(work_on_some())
        return [found[index] for index in range(len(items))]

    def _order(self, owner: str) -> tuple[bool, str]:
        return owner != self._user, owner


async def _parsed(content: bytes) -> VersionManifest:
    if len(content) <= _QUICKLY_PARSED:
        return VersionManifest.parse(content)
    return await in_parser(lambda: VersionManifest.parse(content))


def _check(status: FileStatus | None, url: str, owner: str, *, is_file: bool = False) -> FileStatus:
    """Refuse what others could have written: they would choose the code of this user."""
    if status is None:
        raise SpecError("", f"{url} is missing")
    if is_file and status.is_directory:
        raise SpecError("", f"{url} is a directory")
    if status.owner != owner:
        raise SpecError("", f"{url} belongs to {status.owner} instead of {owner}")
    if status.permission & _OTHERS_WRITE:
        raise SpecError("", f"{url} can be written by other users")
    return status

"""Finding and reading the aggregated logs of an application that has ended."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.errors import (
    AccessDeniedError,
    ConfigurationError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.yarn.logs.aggregated_file import read_content, read_index
from yarnhub.yarn.logs.layout import (
    ENABLED,
    is_archive,
    is_node_file,
    is_unfinished,
    log_directories,
    log_roots,
)
from yarnhub.yarn.logs.source import Need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from yarnhub.filesystem.port import FileStatus, FileSystem
    from yarnhub.hadoop.conf import Properties
    from yarnhub.yarn.logs.entry import LogEntry
    from yarnhub.yarn.logs.source import Step
    from yarnhub.yarn.records.ids import ApplicationId, ContainerId

_MAX_LISTINGS = 32
"""Directories that are listed concurrently."""
_LONG_INDEX = 1 << 18
"""Bytes of an index from which on it is parsed in a thread: one of 64 MiB takes seconds."""
_MAX_SKIPPED_BYTES = 1 << 20
"""A gap of this many bytes is read and dropped: cheaper than opening the file again."""


class LogAggregationOffError(ConfigurationError):
    """The cluster does not keep the logs of applications that have ended."""


class LogsNotReadyError(YarnhubError):
    """The logs have not been aggregated yet, or were deleted.

    NodeManagers upload them when the application has ended, which takes some seconds.
    """

    retriable = True


class LogsRemovedError(LogsNotReadyError):
    """The logs were deleted, or could not be uploaded: they will not appear."""

    retriable = False


class LogArchiveError(ConfigurationError):
    """The logs were packed into a Hadoop archive, which yarnhub cannot read."""


class NoSuchLogError(YarnhubError):
    """The application has no container or log of the requested name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One log file of one container."""

    container_id: ContainerId
    node: str
    """The NodeManager that ran the container, e.g. `worker-3_45454`; while the application runs
    the address of its web server."""
    name: str
    """E.g. `stdout`."""
    length: int
    """Bytes; so far, while the container runs."""
    instance: str = ""
    """E.g. `worker_3`, or `master` for the ApplicationMaster; empty if it was not looked up, or is
    unknown."""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a log file. An empty file yields one empty piece."""

    file: LogFile
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AggregatedLog:
    """A log file and its location."""

    file: LogFile
    entry: LogEntry
    stored_in: FileStatus


async def find_logs(
    file_system: FileSystem, configuration: Properties, application_id: ApplicationId, user: str
) -> Sequence[AggregatedLog]:
    """The log files, sorted by container and name.

    Cancelling leaves nothing behind.

    Args:
        file_system: The file system `fs.defaultFS`, as a user who may read the logs.
        configuration: The Hadoop configuration.
        application_id: Which application; it should have ended.
        user: Its owner.

    Raises:
        ConfigurationError: Log aggregation is disabled, the logs were packed into an archive, or
            their compression is not supported.
        LogsNotReadyError: There are no logs yet.
        AccessDeniedError: The user of `file_system` may not read these logs.
        RemoteProtocolError: A file is damaged.
    """
    names: list[str] | None = None
    located: list[AggregatedLog] = []
    for directory in log_directories(configuration, user, application_id):
        try:
            statuses = await file_system.list(directory)
        except PathNotFoundError:
            continue
        names = names or []
        names += [status.path.rpartition("/")[2] for status in statuses]
        for status in statuses:
            if is_node_file(status.path):
                located += await _index(file_system, status)
        if located:
            return sorted(located, key=_order)
    raise _nothing(configuration, application_id, user, names)


async def find_owner(
    file_system: FileSystem,
    configuration: Properties,
    application_id: ApplicationId,
    likeliest: str,
    *,
    others: bool = True,
) -> str | None:
    """The owner of an application, from the location of its logs; None if none are visible.

    For an application that the ResourceManager has forgotten. Cancelling leaves nothing behind.

    Args:
        file_system: The file system with the logs.
        configuration: The Hadoop configuration.
        application_id: Which application.
        likeliest: The user whose folder is searched first.
        others: Whether the folders of other users are searched, which can be thousands.
    """
    users: list[str] = []
    for root in log_roots(configuration) if others else ():
        with contextlib.suppress(PathNotFoundError, AccessDeniedError):
            users += [each.path.rpartition("/")[2] for each in await file_system.list(root)]
    further = [user for user in dict.fromkeys(users) if user != likeliest]
    batches = (further[at : at + _MAX_LISTINGS] for at in range(0, len(further), _MAX_LISTINGS))
    for asked in ([likeliest], *batches):
        async with task_group() as group:
            found = [
                group.create_task(_has_logs(file_system, configuration, application_id, user))
                for user in asked
            ]
        for user, has in zip(asked, found, strict=True):
            if has.result():
                return user
    return None


async def _has_logs(
    file_system: FileSystem, configuration: Properties, application_id: ApplicationId, user: str
) -> bool:
    for directory in log_directories(configuration, user, application_id):
        with contextlib.suppress(PathNotFoundError, AccessDeniedError):
            if await file_system.status(directory) is not None:
                return True
    return False


def _order(located: AggregatedLog) -> tuple[int, int, str, str]:
    file = located.file
    attempt = file.container_id.app_attempt_id.attempt_id
    return attempt, file.container_id.id, file.name, located.stored_in.path


def _nothing(
    configuration: Properties,
    application_id: ApplicationId,
    user: str,
    names: list[str] | None,
) -> YarnhubError:
    """The error for missing logs; `names` is the content of the directories, if they exist."""
    if any(map(is_archive, names or [])):
        return LogArchiveError(
            f"the logs of {application_id} were packed into a Hadoop archive (.har), which yarnhub"
            " cannot read; use `yarn logs`"
        )
    if names is None and (configuration.get(ENABLED) or "false").strip().lower() != "true":
        return LogAggregationOffError(
            f"the logs of {application_id} are not aggregated: {ENABLED} is not true, so they"
            f" stay on the NodeManagers; read them there while the application runs"
        )
    how = "are being uploaded" if any(map(is_unfinished, names or [])) else "were not found"
    return LogsNotReadyError(
        f"the logs of {application_id} (user {user}) {how}: NodeManagers upload them within"
        " seconds after the application's end, and old logs are deleted"
    )


async def _index(file_system: FileSystem, status: FileStatus) -> list[AggregatedLog]:
    node = status.path.rpartition("/")[2]
    parser = read_index(status.length)
    async with _Reader(file_system, status) as reader:
        need = next(parser)
        while True:
            data = await reader.fetch(need)
            try:
                found = await _step(parser, data)
            except RemoteProtocolError as error:
                raise RemoteProtocolError(
                    f"cannot read the logs in {status.path}: {error}"
                ) from error
            if isinstance(found, Need):
                need = found
                continue
            return [
                AggregatedLog(
                    LogFile(
                        container_id=entry.container_id,
                        node=node,
                        name=entry.name,
                        length=entry.length,
                    ),
                    entry,
                    status,
                )
                for entry in found
            ]


async def _step(parser: Step[list[LogEntry]], data: bytes) -> Need | list[LogEntry]:
    """What a parser of an index needs next, or its entries."""

    def step() -> Need | list[LogEntry]:
        try:
            return parser.send(data)
        except StopIteration as done:
            entries: list[LogEntry] = done.value
            return entries

    return step() if len(data) < _LONG_INDEX else await asyncio.to_thread(step)


async def read_log(
    file_system: FileSystem, log: AggregatedLog, start: int = 0
) -> AsyncGenerator[LogChunk, None]:
    """The content of a log from an offset.

    Memory use is constant. Close the generator (`contextlib.aclosing`) if you leave it early.

    Args:
        file_system: Where `find_logs` found it.
        log: The log.
        start: The number of bytes to skip; no more than the log has.

    Raises:
        RemoteProtocolError: The file is damaged.
    """
    parser = read_content(log.entry, start)
    offset = start
    async with _Reader(file_system, log.stored_in) as reader:
        data: bytes | None = None
        while True:
            try:
                item = parser.send(data)
            except StopIteration:
                break
            except RemoteProtocolError as error:
                path = log.stored_in.path
                raise RemoteProtocolError(f"cannot read the logs in {path}: {error}") from error
            if isinstance(item, Need):
                data = await reader.fetch(item)
            else:
                yield LogChunk(log.file, offset, item)
                offset += len(item)
                data = None
    if offset == start:
        yield LogChunk(log.file, start, b"")


class _Reader(Closing):
    """Reads what a parser needs from one file, which stays open while the parser continues."""

    def __init__(self, file_system: FileSystem, status: FileStatus) -> None:
        self._file_system = file_system
        self._status = status
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._buffer = b""
        self._at = 0

    async def aclose(self) -> None:
        """Close the file."""
        if self._chunks is not None:
            await self._chunks.aclose()
        self._chunks = None
        self._buffer = b""

    async def fetch(self, need: Need) -> bytes:
        """The bytes that a parser needs.

        Raises:
            RemoteProtocolError: The file has become shorter.
        """
        if self._chunks is None or not 0 <= need.offset - self._at <= _MAX_SKIPPED_BYTES:
            await self.aclose()
            self._chunks = self._file_system.read(self._status.path, need.offset)
            self._at = need.offset
        gap = need.offset - self._at
        while len(self._buffer) < gap + need.length:
            chunk = await anext(self._chunks, b"")
            if not chunk:
                raise RemoteProtocolError(f"{self._status.path} shrank while it was read")
            self._buffer += chunk
        data = self._buffer[gap : gap + need.length]
        self._buffer = self._buffer[gap + need.length :]
        self._at = need.offset + need.length
        return data

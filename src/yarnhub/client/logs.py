"""The logs of a finished application, from where the NodeManagers aggregated them."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, RemoteProtocolError, YarnhubError
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.yarn.logs.aggregated import read_content, read_index
from yarnhub.yarn.logs.layout import (
    ENABLED,
    is_archive,
    is_node_file,
    is_unfinished,
    log_directories,
)
from yarnhub.yarn.logs.source import Need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from types import TracebackType
    from typing import Self

    from yarnhub.filesystem.port import FileStatus, FileSystem
    from yarnhub.yarn.logs.entry import LogEntry
    from yarnhub.yarn.logs.layout import Properties
    from yarnhub.yarn.records.ids import ApplicationId, ContainerId

_READ_ON = 1 << 20
"""A gap of so many bytes is read and dropped: cheaper than to open the file again."""


class LogsNotReadyError(YarnhubError):
    """The logs have not been aggregated yet, or they are gone.

    NodeManagers upload them when the application has ended, which takes some seconds.
    """

    retriable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One log file of one container."""

    container_id: ContainerId
    node: str
    """The NodeManager that ran the container, e.g. `worker-3_45454`."""
    name: str
    """E.g. `stdout`."""
    length: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a log file. An empty file gives one empty piece."""

    file: LogFile
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Located:
    file: LogFile
    entry: LogEntry
    stored_in: FileStatus


async def list_logs(
    file_system: FileSystem, configuration: Properties, application_id: ApplicationId, user: str
) -> Sequence[LogFile]:
    """Which log files there are, sorted by container and name.

    Cancelling leaves nothing behind. Arguments and errors are those of `aggregated_logs`.
    """
    found = await _locate(file_system, configuration, application_id, user)
    return [located.file for located in found]


async def aggregated_logs(
    file_system: FileSystem,
    configuration: Properties,
    application_id: ApplicationId,
    user: str,
    *,
    wanted: Callable[[LogFile], bool] = lambda _: True,
) -> AsyncGenerator[LogChunk, None]:
    """The content of an application's logs: container by container, file by file, sorted.

    Memory stays flat. Close the generator (`contextlib.aclosing`) when it is left early.

    Args:
        file_system: Where the logs lie: that of `fs.defaultFS`, as a user who may read them.
        configuration: The Hadoop configuration.
        application_id: Which application; it should have ended.
        user: Its owner.
        wanted: Which files to read.

    Raises:
        ConfigurationError: Log aggregation is off, the logs were packed into an archive, or
            their compression cannot be undone here.
        LogsNotReadyError: There is nothing yet.
        AccessDeniedError: `file_system` is of a user who may not read these logs.
        RemoteProtocolError: A file is damaged.
    """
    found = await _locate(file_system, configuration, application_id, user)
    for located in found:
        if wanted(located.file):
            async with aclosing(_content(file_system, located)) as chunks:
                async for chunk in chunks:
                    yield chunk


async def _locate(
    file_system: FileSystem, configuration: Properties, application_id: ApplicationId, user: str
) -> list[_Located]:
    names: list[str] | None = None
    located: list[_Located] = []
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


def _order(located: _Located) -> tuple[int, int, str, str]:
    file = located.file
    attempt = file.container_id.app_attempt_id.attempt_id
    return attempt, file.container_id.id, file.name, located.stored_in.path


def _nothing(
    configuration: Properties,
    application_id: ApplicationId,
    user: str,
    names: list[str] | None,
) -> YarnhubError:
    """Why there are no logs; `names` is what the directories hold, None where there is none."""
    if any(map(is_archive, names or [])):
        return ConfigurationError(
            f"the logs of {application_id} were packed into a Hadoop archive (.har), which yarnhub"
            " cannot read; use `yarn logs`"
        )
    if names is None and (configuration.get(ENABLED) or "false").strip().lower() != "true":
        return ConfigurationError(
            f"there are no logs of {application_id}: {ENABLED} is not true, so NodeManagers keep"
            " them; read them from the NodeManagers while the application runs"
        )
    how = "are being uploaded" if any(map(is_unfinished, names or [])) else "are not there"
    return LogsNotReadyError(
        f"the logs of {application_id} (user {user}) {how}: NodeManagers upload them within"
        " seconds after the application's end, and they are deleted when they are old"
    )


async def _index(file_system: FileSystem, status: FileStatus) -> list[_Located]:
    node = status.path.rpartition("/")[2]
    parser = read_index(status.length)
    async with _Reader(file_system, status) as reader:
        need = next(parser)
        while True:
            data = await reader.fetch(need)
            try:
                need = parser.send(data)
            except StopIteration as done:
                entries: list[LogEntry] = done.value
                return [
                    _Located(
                        LogFile(
                            container_id=entry.container_id,
                            node=node,
                            name=entry.name,
                            length=entry.length,
                        ),
                        entry,
                        status,
                    )
                    for entry in entries
                ]
            except RemoteProtocolError as error:
                raise RemoteProtocolError(
                    f"cannot read the logs in {status.path}: {error}"
                ) from error


async def _content(file_system: FileSystem, located: _Located) -> AsyncGenerator[LogChunk, None]:
    parser = read_content(located.entry)
    offset = 0
    async with _Reader(file_system, located.stored_in) as reader:
        data: bytes | None = None
        while True:
            try:
                item = parser.send(data)
            except StopIteration:
                break
            except RemoteProtocolError as error:
                path = located.stored_in.path
                raise RemoteProtocolError(f"cannot read the logs in {path}: {error}") from error
            if isinstance(item, Need):
                data = await reader.fetch(item)
            else:
                yield LogChunk(located.file, offset, item)
                offset += len(item)
                data = None
    if not offset:
        yield LogChunk(located.file, 0, b"")


class _Reader:
    """Answers what a parser needs from one file, which stays open while the parser goes on."""

    def __init__(self, file_system: FileSystem, status: FileStatus) -> None:
        self._file_system = file_system
        self._status = status
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._buffer = b""
        self._at = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._chunks is not None:
            await self._chunks.aclose()
        self._chunks = None
        self._buffer = b""

    async def fetch(self, need: Need) -> bytes:
        """The bytes that a parser needs.

        Raises:
            RemoteProtocolError: The file is shorter than it was.
        """
        if self._chunks is None or not 0 <= need.offset - self._at <= _READ_ON:
            await self._close()
            self._chunks = self._file_system.read(self._status.path, need.offset)
            self._at = need.offset
        gap = need.offset - self._at
        while len(self._buffer) < gap + need.length:
            chunk = await anext(self._chunks, b"")
            if not chunk:
                raise RemoteProtocolError(f"{self._status.path} became shorter while it was read")
            self._buffer += chunk
        data = self._buffer[gap : gap + need.length]
        self._buffer = self._buffer[gap + need.length :]
        self._at = need.offset + need.length
        return data

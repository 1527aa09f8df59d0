"""The log files of an application, opened once to list them and read any part of each."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.errors import ApplicationNotFoundError, NotBegunError
from yarnhub.client.access.visibility import not_shown
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.logs.aggregated import (
    LogChunk,
    LogFile,
    LogsNotReadyError,
    NoSuchLogError,
    find_logs,
    find_owner,
    read_log,
)
from yarnhub.client.logs.followed import follow_container
from yarnhub.client.logs.instances import aggregated_instance
from yarnhub.client.logs.live import LiveLogs
from yarnhub.client.logs.selection import LogSelection
from yarnhub.client.logs.upload import is_incomplete, missing_logs, upload
from yarnhub.yarn.logs.layout import log_roots
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.applications import LogAggregationStatus as Aggregation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from yarnhub.base.errors import YarnhubError
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.port import Applications
    from yarnhub.client.logs.aggregated import AggregatedLog
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.yarn.records.ids import ApplicationId, ContainerId


@dataclass(frozen=True, slots=True)
class LogListing:
    """The log files of some containers.

    Attributes:
        files: Sorted by container and name.
        failures: Containers whose files could not be listed.
    """

    files: Sequence[LogFile]
    failures: Mapping[ContainerId, YarnhubError]


class OpenedLogs(Protocol):
    """The logs of an application, as one user may read them.

    Every method raises the errors of its NodeManagers or file system. Cancelling leaves nothing
    behind. Close the generators (`contextlib.aclosing`) if you leave them early.

    Attributes:
        is_live: Whether they are read from the nodes, where they still grow.
        is_complete: Whether all of an ended application were uploaded.
        containers: The containers with logs, sorted. While the application runs, those that run.
    """

    is_live: bool
    is_complete: bool
    containers: Sequence[ContainerId]

    async def list(self, containers: Sequence[ContainerId]) -> LogListing:
        """The files of some of the containers, with their sizes and the containers' names."""

    async def find(self, container_id: ContainerId, name: str) -> LogFile:
        """A file of a container, with its size now.

        Raises:
            NoSuchLogError: There is none of that name.
        """

    def read(self, file: LogFile, start: int = 0) -> AsyncGenerator[bytes, None]:
        """The content of a file from an offset to the end that it had when it was found.

        Memory use is constant. It ends early if a running program has replaced the file.
        """

    def follow(self, file: LogFile, start: int = 0) -> AsyncGenerator[LogChunk, None]:
        """The content of a file from an offset, as it is written, until it is complete.

        A container that has ended with its application has the rest of its log in the file system,
        which is waited for. There is an empty chunk at each look at the node, at most one per
        second. If an offset is smaller than the end of the chunk before, the file was replaced.

        Raises:
            LogsNotReadyError: The rest was not uploaded.
        """


@contextlib.asynccontextmanager
async def open_logs(
    applications: Applications, settings: Settings, application_id: ApplicationId, now: float
) -> AsyncIterator[OpenedLogs]:
    """Open the logs of an application for a block. Cancelling leaves nothing behind.

    YARN has to show the application to the user. Its ApplicationMaster is not asked: another
    user's is at any address. So while it runs, containers that have ended are not found.

    Args:
        applications: Access to applications, as the user.
        settings: The cluster and the user.
        application_id: Which application.
        now: Seconds since 1970.

    Raises:
        ApplicationNotFoundError: The ResourceManager has no application with this id, and the user
            has no logs of it.
        AccessDeniedError: The user may not view it, or not read its logs.
        NotBegunError: It has not started a container.
        LogsNotReadyError: Its logs have not been uploaded, or were removed (`LogsRemovedError`).
        LogAggregationOffError: The cluster does not keep logs.
        LogArchiveError: They are in an archive.
    """
    report = await _report(applications, settings, application_id)
    if not report.yarn_application_state.ended:
        async with LiveLogs(
            applications, settings, LogSelection(), lambda _: None, ask_master=False
        ) as live:
            await live.discover(report)
            if not live.containers:
                state = report.yarn_application_state.name
                raise NotBegunError(str(application_id), state)
            yield _LiveFiles(live, applications, settings)
        return
    attempt = report.current_application_attempt_id
    is_hidden = attempt is not None and attempt.attempt_id < 0
    if is_hidden and report.user != settings.user_name:
        # Only HDFS refuses by itself: other file systems do not act for users.
        raise not_shown(report, settings.user_name)
    configuration = settings.configuration
    async with user_file_system(settings, log_roots(configuration)[0]) as file_system:
        try:
            logs = await find_logs(file_system, configuration, application_id, report.user)
        except LogsNotReadyError as error:
            raise missing_logs(report, now, error) from error
        yield _AggregatedFiles(file_system, logs, is_complete=not is_incomplete(report))


async def _report(
    applications: Applications, settings: Settings, application_id: ApplicationId
) -> ApplicationReport:
    try:
        return await applications.application_report(application_id)
    except ApplicationNotFoundError:
        place = log_roots(settings.configuration)[0]
        async with user_file_system(settings, place) as file_system:
            owner = await find_owner(
                file_system,
                settings.configuration,
                application_id,
                settings.user_name,
                others=False,
            )
        if owner is None:
            raise
    return ApplicationReport(
        application_id=application_id,
        user=owner,
        yarn_application_state=YarnApplicationState.FINISHED,
        log_aggregation_status=Aggregation.SUCCEEDED,
    )


class _LiveFiles:
    """Implements `OpenedLogs` by the nodes' web servers."""

    is_live, is_complete = True, True

    def __init__(self, live: LiveLogs, applications: Applications, settings: Settings) -> None:
        self.containers: Sequence[ContainerId] = live.containers
        self._live = live
        self._applications = applications
        self._settings = settings

    async def list(self, containers: Sequence[ContainerId]) -> LogListing:
        await self._live.list_files(frozenset(containers))
        files = [each for each in self._live.files if each.container_id in containers]
        return LogListing(list(filter(_is_readable, files)), self._live.failures)

    async def find(self, container_id: ContainerId, name: str) -> LogFile:
        if container_id not in self.containers:
            raise NoSuchLogError(
                f"{container_id} is not a running container of this application: the logs of"
                " containers that have ended are available when the application has ended"
            )
        await self._live.list_files({container_id}, named=False)
        if failure := self._live.failures.get(container_id):
            raise failure
        return _of_name(self._live.files, container_id, name)

    def read(self, file: LogFile, start: int = 0) -> AsyncGenerator[bytes, None]:
        return self._live.read_file(file, start)

    async def follow(self, file: LogFile, start: int = 0) -> AsyncGenerator[LogChunk, None]:
        """See `OpenedLogs`."""
        number = file.container_id.app_attempt_id.application_id
        position = start
        live = follow_container(self._applications, self._settings, file, start)
        async with contextlib.aclosing(live) as chunks:
            async for chunk in chunks:
                position = chunk.offset + len(chunk.data)
                yield chunk

        async def look() -> ApplicationReport:
            return await self._applications.application_report(number)

        report = await look()
        if not report.yarn_application_state.ended:
            return  # the container has ended, and its node has all of the log
        async with contextlib.aclosing(upload(report, look)) as reports:
            async for _ in reports:
                yield LogChunk(file, position, b"")
        # What is missing now does not appear.
        async with open_logs(self._applications, self._settings, number, math.inf) as logs:
            found = await logs.find(file.container_id, file.name)
            async with contextlib.aclosing(logs.follow(found, position)) as chunks:
                async for chunk in chunks:
                    yield chunk


class _AggregatedFiles:
    """Implements `OpenedLogs` by the file system.

    A node that uploads logs while a container runs adds a further part of a file each time.
    """

    is_live = False

    def __init__(
        self, file_system: FileSystem, logs: Sequence[AggregatedLog], *, is_complete: bool
    ) -> None:
        self.is_complete = is_complete
        self._file_system = file_system
        self._logs: dict[ContainerId, dict[str, list[AggregatedLog]]] = {}
        for log in logs:
            if _is_readable(log.file):
                files = self._logs.setdefault(log.file.container_id, defaultdict(list))
                files[log.file.name].append(log)
        self.containers: Sequence[ContainerId] = list(self._logs)

    async def list(self, containers: Sequence[ContainerId]) -> LogListing:
        found = []
        for number in containers:
            files = self._logs.get(number, {})
            instance = await aggregated_instance(
                self._file_system, {name: parts[0] for name, parts in files.items()}
            )
            found += [replace(_joined(files[name]), instance=instance) for name in sorted(files)]
        return LogListing(found, {})

    async def find(self, container_id: ContainerId, name: str) -> LogFile:
        files = self._logs.get(container_id, {})
        return _of_name([_joined(files[name])] if name in files else [], container_id, name)

    async def read(self, file: LogFile, start: int = 0) -> AsyncGenerator[bytes, None]:
        """See `OpenedLogs`."""
        for log in self._logs[file.container_id][file.name]:
            if start < log.file.length:
                async with contextlib.aclosing(read_log(self._file_system, log, start)) as chunks:
                    async for chunk in chunks:
                        yield chunk.data
            start = max(0, start - log.file.length)

    async def follow(self, file: LogFile, start: int = 0) -> AsyncGenerator[LogChunk, None]:
        """See `OpenedLogs`."""
        async with contextlib.aclosing(self.read(file, start)) as parts:
            async for part in parts:
                yield LogChunk(file, start, part)
                start += len(part)


def _joined(parts: Sequence[AggregatedLog]) -> LogFile:
    return replace(parts[0].file, length=sum(each.file.length for each in parts))


def _is_readable(file: LogFile) -> bool:
    """Whether a file has a name that can be sent: others are not of a program's making."""
    try:
        file.name.encode()
    except UnicodeEncodeError:
        return False
    return "/" not in file.name and "\0" not in file.name


def _of_name(files: Sequence[LogFile], container_id: ContainerId, name: str) -> LogFile:
    for file in files:
        if (file.container_id, file.name) == (container_id, name) and _is_readable(file):
            return file
    raise NoSuchLogError(f"{container_id} has no log of this name")

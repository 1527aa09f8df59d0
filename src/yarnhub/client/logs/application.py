"""The logs of an application, whether it runs or has ended, without a gap between the two."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from yarnhub.base.errors import (
    ApplicationNotFoundError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    NotBegunError,
)
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.logs.aggregated import (
    NoSuchLogError,
    find_logs,
    find_owner,
    read_log,
)
from yarnhub.client.logs.instances import aggregated_instance
from yarnhub.client.logs.live import LiveLogs
from yarnhub.client.logs.selection import LogSelection, last_lines
from yarnhub.client.logs.upload import is_incomplete, upload
from yarnhub.yarn.logs.layout import log_roots
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.applications import LogAggregationStatus as Aggregation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.port import Applications
    from yarnhub.client.logs.aggregated import AggregatedLog, LogChunk, LogFile
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.yarn.records.ids import ApplicationId, ContainerId

_LOOK, _SELDOM = 0.25, 1.0
"""Seconds between two polls of the nodes; more while nothing is written."""
_POLL_INTERVAL_PER_CONTAINER = 0.01
"""Seconds between two polls for each container: a large application is polled less often."""
_CONTAINER_TIMEOUT = 5.0
"""Seconds to wait for a container before a notice."""
_RESOURCE_MANAGER_TIMEOUT = 60.0
"""Seconds for which the ResourceManager may not respond: it may be restarting."""


class NothingYet(str):
    """The notice that no container of an application has started; `error` has the details."""

    __slots__ = ("error",)

    def __init__(self, error: NotBegunError) -> None:
        self.error = error


class ApplicationLogs:
    """The logs of one application.

    Args:
        applications: Access to applications.
        settings: The cluster and the user who reads the logs.
        application_id: Which application.
        selection: The logs to read.
        notice: Called with what is waited for, and with what cannot be read.
    """

    def __init__(
        self,
        applications: Applications,
        settings: Settings,
        application_id: ApplicationId,
        selection: LogSelection,
        notice: Callable[[str], None],
    ) -> None:
        self._applications = applications
        self._settings = settings
        self._id = application_id
        self._selection = selection
        self._notice = notice
        self._place = log_roots(settings.configuration)[0]
        self._positions: dict[tuple[ContainerId, str], int] = {}
        self._instances: dict[ContainerId, str] = {}

    async def files(self) -> Sequence[LogFile]:
        """The selected files, sorted by container and name."""
        report = await self._report()
        if report.yarn_application_state.ended:
            await self._uploaded(report)
            async with user_file_system(self._settings, self._place) as file_system:
                found = [log.file for log in await self._find(file_system, report, named=True)]
        else:
            async with self._live() as live:
                await live.discover(report)
                await live.list_files()
                found = live.files
                if live.failure:
                    raise live.failure
        self._check_found(found)
        return [file for file in found if self._selection.has(file)]

    async def read(self) -> AsyncGenerator[LogChunk, None]:
        """The current content, container by container, file by file."""
        report = await self._report()
        if not report.yarn_application_state.ended:
            async with self._live() as live:
                await live.discover(report)
                await live.list_files()
                self._check_found(live.files)
                if not live.files and not live.failure:
                    raise self._not_begun(report)
                async with contextlib.aclosing(live.read(whole=True)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                if live.failure:
                    raise live.failure
            return
        named = bool(self._selection.containers)
        async with contextlib.aclosing(self._aggregated(report, named=named)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def follow(self) -> AsyncGenerator[LogChunk, None]:
        """The content as it is written, until the application has ended: each byte once.

        The rest is read from the aggregated logs.
        """
        report = await self._report()
        if not report.yarn_application_state.ended:
            async with self._live() as live:
                async with contextlib.aclosing(self._while_it_runs(live, report)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                self._positions, self._instances = live.positions, live.instances
            report = await self._report()
        async with contextlib.aclosing(self._aggregated(report, named=True)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _report(self) -> ApplicationReport:
        """The ResourceManager's report; for a forgotten application, one derived from its logs.

        By default the ResourceManager keeps 1000 ended applications, and none over a restart
        without recovery; logs are kept as long as configured.
        """
        try:
            return await self._applications.application_report(self._id)
        except ApplicationNotFoundError:
            settings = self._settings
            async with user_file_system(settings, self._place) as file_system:
                owner = await find_owner(
                    file_system, settings.configuration, self._id, settings.user_name
                )
            if owner is None:
                raise
            return ApplicationReport(
                application_id=self._id,
                user=owner,
                yarn_application_state=YarnApplicationState.FINISHED,
                log_aggregation_status=Aggregation.SUCCEEDED,
            )

    def _live(self) -> LiveLogs:
        return LiveLogs(self._applications, self._settings, self._selection, self._notice)

    async def _while_it_runs(
        self, live: LiveLogs, report: ApplicationReport
    ) -> AsyncGenerator[LogChunk, None]:
        clock = asyncio.get_running_loop().time
        pause, began, heard = _LOOK, clock(), clock()
        while True:
            ended = report.yarn_application_state.ended
            try:
                if not ended:
                    await live.discover(report)
                report = await self._report()
                heard = clock()
            except (ConnectError, ConnectionLostError, DeadlineExceededError) as error:
                self._notice(f"the ResourceManager does not respond; retrying: {error}")
                if clock() - heard > _RESOURCE_MANAGER_TIMEOUT:
                    raise
            await live.list_files()
            moved = False
            async with contextlib.aclosing(live.read(whole=ended)) as chunks:
                async for chunk in chunks:
                    moved = True
                    yield chunk
            if ended:
                return
            if not live.files and clock() - began > _CONTAINER_TIMEOUT:
                self._notice(NothingYet(self._not_begun(report)))
                began = math.inf
            pause = _LOOK if moved else min(_SELDOM, pause * 1.25)
            if not live.behind:
                await asyncio.sleep(max(pause, _POLL_INTERVAL_PER_CONTAINER * len(live)))

    def _not_begun(self, report: ApplicationReport) -> NotBegunError:
        return NotBegunError(str(self._id), report.yarn_application_state.name)

    async def _aggregated(
        self, report: ApplicationReport, *, named: bool
    ) -> AsyncGenerator[LogChunk, None]:
        await self._uploaded(report)
        async with user_file_system(self._settings, self._place) as file_system:
            logs = await self._find(file_system, report, named=named)
            self._check_found(log.file for log in logs)
            for log in logs:
                if self._selection.has(log.file):
                    start = await self._start(file_system, log)
                    if start is not None:
                        async with contextlib.aclosing(read_log(file_system, log, start)) as chunks:
                            async for chunk in chunks:
                                yield chunk

    async def _uploaded(self, report: ApplicationReport) -> None:
        """Wait until the nodes have uploaded the logs, which they do when an application ends."""
        async with contextlib.aclosing(upload(report, self._report)) as reports:
            async for each in reports:
                report = each
        if is_incomplete(report):
            status = report.log_aggregation_status
            self._notice(
                f"not all logs of {self._id} were uploaded: the aggregation status is"
                f" {status and status.name}; a "
                "node may have been lost"
            )

    async def _find(
        self, file_system: FileSystem, report: ApplicationReport, *, named: bool
    ) -> Sequence[AggregatedLog]:
        """All logs; with the containers' names, if needed."""
        logs = await find_logs(file_system, self._settings.configuration, self._id, report.user)
        if not named:
            return logs
        names: dict[ContainerId, str] = {}
        for number, of_container in groupby(logs, key=lambda log: log.file.container_id):
            files = {log.file.name: log for log in of_container}
            names[number] = self._instances.get(number) or await aggregated_instance(
                file_system, files
            )
        return [
            replace(log, file=replace(log.file, instance=names[log.file.container_id]))
            for log in logs
        ]

    async def _start(self, file_system: FileSystem, log: AggregatedLog) -> int | None:
        """The offset from which a log is read; None if nothing is left."""
        done = self._positions.get((log.file.container_id, log.file.name))
        if done is not None:
            return done if done < log.file.length else None
        if self._selection.tail is None or self._positions:
            return 0

        async def read(start: int) -> AsyncGenerator[bytes, None]:
            async with contextlib.aclosing(read_log(file_system, log, start)) as chunks:
                async for chunk in chunks:
                    yield chunk.data

        return await last_lines(read, log.file.length, self._selection.tail)

    def _check_found(self, files: Iterable[LogFile]) -> None:
        """Refuse a selection of containers that do not exist."""
        known = {name for file in files for name in (str(file.container_id), file.instance)}
        if missing := self._selection.containers - known:
            names = sorted(name for name in known if name and not name.startswith("container_"))
            raise NoSuchLogError(
                f"{self._id} has no container {', '.join(sorted(missing))} with logs; its"
                f" containers with logs: {', '.join(names) or 'none'}"
            )

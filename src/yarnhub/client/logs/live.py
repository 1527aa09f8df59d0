"""The logs of a running application, from the nodes of its containers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import AccessDeniedError, RemoteError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.client.access.visibility import check_shown
from yarnhub.client.logs.aggregated import LogChunk, LogFile
from yarnhub.client.logs.instances import (
    MAX_SCRIPT_BYTES,
    SCRIPT,
    instance_by_files,
    instance_in,
)
from yarnhub.client.logs.node import NodeLogs
from yarnhub.client.logs.selection import last_lines
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.application.port import Applications
    from yarnhub.client.logs.selection import LogSelection
    from yarnhub.control.messages import ServiceContainer
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

_MAX_REQUESTS = 16
"""Concurrent requests to nodes."""
_MASTER_TIMEOUT = 5.0
"""Seconds for an ApplicationMaster to respond; then the nodes are queried without it."""
_BYTES_PER_TURN = 4 << 20
"""Bytes of one file that are read before the next file."""
_MAX_BACK_OFF = 30.0
"""The longest delay before an unresponsive node is retried, in seconds; doubled from 1."""


@dataclass(slots=True)
class _Live:
    """A container and the state of its logs."""

    id: ContainerId
    address: str
    """The address of its node's web server."""
    instance: str = ""
    running: bool = True
    settled: bool = False
    """Whether it has ended and its files were listed since."""
    sizes: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    failure: YarnhubError | None = None
    ask_at: float = 0.0


class LiveLogs(Closing):
    """Reads what containers have written since the last time, until their application ends.

    Args:
        applications: Access to applications.
        settings: The cluster and the user who reads the logs.
        selection: The logs to read.
        notice: Called with what cannot be read, once for each container.
        ask_master: Whether the ApplicationMaster, which only its submitter can reach, is asked for
            the ended containers and all names.
    """

    def __init__(
        self,
        applications: Applications,
        settings: Settings,
        selection: LogSelection,
        notice: Callable[[str], None],
        *,
        ask_master: bool = True,
    ) -> None:
        self._applications = applications
        self._selection = selection
        self._notice = notice
        self._user = settings.user_name
        self._nodes = NodeLogs(settings)
        self._containers: dict[ContainerId, _Live] = {}
        self._masters = contextlib.AsyncExitStack()
        self._master: ApplicationClient | None = None
        self._refused = not ask_master
        self._first = True
        self.positions: dict[tuple[ContainerId, str], int] = {}
        """How much of each file was read."""
        self.behind = False
        """Whether `read` left something for the next turn."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._masters.aclose()

    def __len__(self) -> int:
        """The number of containers whose files are polled."""
        return sum(not each.settled for each in self._containers.values())

    @property
    def containers(self) -> list[ContainerId]:
        """The containers, sorted."""
        return [each.id for each in sorted(self._containers.values(), key=_order)]

    def add(self, file: LogFile) -> None:
        """Add a container by one of its files, which was listed before."""
        self._add(file.container_id, file.node, file.instance)
        self._containers[file.container_id].sizes[file.name] = file.length

    def has_settled(self, container_id: ContainerId) -> bool:
        """Whether a container has ended and its files were listed since."""
        return self._containers[container_id].settled

    @property
    def failures(self) -> dict[ContainerId, YarnhubError]:
        """The containers whose logs could not be read, with the last error of each."""
        return {each.id: each.failure for each in self._containers.values() if each.failure}

    @property
    def failure(self) -> YarnhubError | None:
        """The last error of reading a container's logs; None if all could be read."""
        return next(iter(self.failures.values()), None)

    @property
    def instances(self) -> dict[ContainerId, str]:
        """The containers' names; empty if unknown."""
        return {each.id: each.instance for each in self._containers.values()}

    @property
    def files(self) -> list[LogFile]:
        """All files, sorted by container and name, with their sizes."""
        return [
            _file(container, name)
            for container in sorted(self._containers.values(), key=_order)
            for name in sorted(container.sizes)
        ]

    async def discover(self, report: ApplicationReport) -> None:
        """Find the application's containers.

        The ResourceManager lists the running ones; the ApplicationMaster, which accepts only its
        owner, has their names and the ended ones.

        Raises:
            AccessDeniedError: It belongs to another user, who does not share it.
        """
        check_shown(report, self._user)
        attempt = report.current_application_attempt_id
        if attempt is None:
            return
        try:
            reports = await self._applications.resource_manager.get_containers(attempt)
        except AccessDeniedError:
            raise
        except RemoteError:
            return  # the attempt has just ended
        running = {each.container_id for each in reports}
        for each in reports:
            if each.node_http_address:
                self._add(each.container_id, each.node_http_address.partition("://")[2])
        if report.yarn_application_state is YarnApplicationState.RUNNING:
            for known in await self._ask_master(report.application_id):
                number = ContainerId.parse(known.yarn_container_id)
                self._add(number, known.yarn_node_http_address, known.id)
                if not known.state.ended:
                    running.add(number)  # it may have begun since the ResourceManager was asked
        for container in self._containers.values():
            container.running = container.id in running

    async def _ask_master(self, number: ApplicationId) -> Iterable[ServiceContainer]:
        if self._refused:
            return ()
        try:
            async with Deadline(_MASTER_TIMEOUT, f"no response within {_MASTER_TIMEOUT:g} s"):
                if self._master is None:
                    reached = await self._applications.connect(number, wait=False)
                    self._master = await self._masters.enter_async_context(reached)
                known = await self._master.get_containers(states=None)
        except AccessDeniedError:
            self._refused = True  # it belongs to another user
        except YarnhubError:
            self._master = None  # it has just ended, or is being restarted
        else:
            return [each for each in known if each.yarn_container_id]
        return ()

    def _add(self, number: ContainerId, address: str, instance: str = "") -> None:
        known = self._containers.setdefault(number, _Live(number, address))
        known.instance = instance or known.instance

    async def list_files(
        self, only: Collection[ContainerId] | None = None, *, named: bool = True
    ) -> None:
        """Query the sizes of the files on the nodes.

        Args:
            only: The containers; None for all.
            named: Whether names that the ApplicationMaster has not reported are looked up in the
                files.
        """
        limit = asyncio.Semaphore(_MAX_REQUESTS)
        now = asyncio.get_running_loop().time()
        async with task_group() as group:
            for container in self._containers.values():
                wanted = only is None or container.id in only
                if wanted and not container.settled and container.ask_at <= now:
                    group.create_task(self._list_files(container, limit, named=named))

    async def _list_files(self, container: _Live, limit: asyncio.Semaphore, *, named: bool) -> None:
        running = container.running
        async with limit:
            with self._failures(container):
                sizes = await self._nodes.list(container.address, container.id)
                if sizes is not None:
                    container.sizes = sizes
                    if named and not container.instance:
                        container.instance = await self._name(container)
                container.settled = not running

    async def _name(self, container: _Live) -> str:
        """The container's name if the ApplicationMaster did not report it."""
        if name := instance_by_files(container.sizes):
            return name
        if container.sizes.get(SCRIPT, MAX_SCRIPT_BYTES + 1) > MAX_SCRIPT_BYTES:
            return ""
        async with contextlib.aclosing(self._read(container, SCRIPT)(0)) as parts:
            return instance_in(b"".join([part async for part in parts]))

    def _read(self, container: _Live, name: str) -> Callable[[int], AsyncGenerator[bytes, None]]:
        return lambda start: self._nodes.read(
            container.address, container.id, name, start, container.sizes[name]
        )

    async def read_file(self, file: LogFile, start: int) -> AsyncGenerator[bytes, None]:
        """A listed file from an offset to its end when it was listed.

        Ends early if the file was replaced by a shorter one. Close the generator
        (`contextlib.aclosing`) when it is left early.

        Args:
            file: From `files`.
            start: The number of bytes to skip.
        """
        left = file.length - start
        if left <= 0:
            return
        found = self._nodes.read(file.node, file.container_id, file.name, start, file.length)
        async with contextlib.aclosing(found) as parts:
            async for part in parts:
                yield part[:left]
                left -= len(part)
                if left <= 0:
                    return

    async def read(self, *, whole: bool) -> AsyncGenerator[LogChunk, None]:
        """New content since the last call, container by container, file by file.

        Close the generator (`contextlib.aclosing`) when it is left early.

        Args:
            whole: Whether each file is read to its end; otherwise a part, so that each file gets a
                turn.
        """
        self.behind = False
        now = asyncio.get_running_loop().time()
        for container in sorted(self._containers.values(), key=_order):
            wanted = self._selection.has_container(container.id, container.instance)
            if not wanted or container.ask_at > now:
                continue
            for name in sorted(container.sizes):
                if self._selection.has_file(name, container.sizes[name]):
                    limit = None if whole else _BYTES_PER_TURN
                    async with contextlib.aclosing(self._new(container, name, limit)) as chunks:
                        async for chunk in chunks:
                            yield chunk
        self._first = False

    async def _new(
        self, container: _Live, name: str, limit: int | None
    ) -> AsyncGenerator[LogChunk, None]:
        size = container.sizes[name]
        key = (container.id, name)
        file = _file(container, name)
        with self._failures(container):
            if key not in self.positions:
                self.positions[key] = await self._beginning(container, name)
                if not size:
                    yield LogChunk(file, 0, b"")
            at = self.positions[key]
            if at > size:
                at = self.positions[key] = 0  # it was replaced, for example by a rotation
            if at == size:
                return
            until = None if limit is None else at + limit
            async with contextlib.aclosing(self._read(container, name)(at)) as parts:
                async for part in parts:
                    new = part[: size - at]  # what came since is for another time
                    self.positions[key] = at + len(new)
                    yield LogChunk(file, at, new)
                    at += len(new)
                    if at == size:
                        break
                    if until is not None and at >= until:
                        self.behind = True
                        break

    async def _beginning(self, container: _Live, name: str) -> int:
        """The offset of the first read: at the last lines of a file that existed at the start."""
        if self._selection.tail is None or not self._first:
            return 0
        return await last_lines(
            self._read(container, name), container.sizes[name], self._selection.tail
        )

    @contextlib.contextmanager
    def _failures(self, container: _Live) -> Iterator[None]:
        try:
            yield
            container.failures, container.failure, container.ask_at = 0, None, 0.0
        except YarnhubError as error:
            container.failures += 1
            container.failure = error
            now = asyncio.get_running_loop().time()
            container.ask_at = now + min(_MAX_BACK_OFF, 2.0 ** (container.failures - 1))
            if container.failures == 1:
                self._notice(
                    f"cannot read the logs of {container.instance or container.id}: {error}"
                )


def _order(container: _Live) -> tuple[int, int]:
    return container.id.app_attempt_id.attempt_id, container.id.id


def _file(container: _Live, name: str) -> LogFile:
    return LogFile(
        container_id=container.id,
        node=container.address,
        name=name,
        length=container.sizes[name],
        instance=container.instance,
    )

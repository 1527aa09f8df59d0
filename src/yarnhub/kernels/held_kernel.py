"""A kernel whose application this process holds, or held when it ended."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import (
    ConnectError,
    LocalProtocolError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.kernels.connect import ConnectServer, checked, issue
from yarnhub.kernels.kernel import Kernel, KernelState, KernelStatus
from yarnhub.kernels.link import LauncherLink
from yarnhub.kernels.programs import CONNECT
from yarnhub.kernels.protocol import HISTORY, Activity, ProcessState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.control.outcomes import Outcome
    from yarnhub.kernels.protocol import Channel, ConnectReport
    from yarnhub.kernels.records import KernelRecord
    from yarnhub.kernels.requests import Requests
    from yarnhub.sessions.unmanaged_holder import UnmanagedSession

_log = logging.getLogger(__name__)

_LOOK = 1.0
"""Seconds between two looks at an application's containers, which are in memory."""
_CONFIRM = 10.0
"""Seconds for a launcher to carry out an order."""
_CONNECT = 30.0
"""Seconds for a launcher to connect that runs already."""
_MAX_SIGNAL = 64
_STATES = {
    ProcessState.STARTING: KernelState.STARTING,
    ProcessState.RUNNING: KernelState.RUNNING,
    ProcessState.ENDED: KernelState.ENDED,
}


class HeldKernel(Kernel):
    """A kernel of `LocalKernelHolder`.

    Args:
        record: What is kept of it.
        clock: Seconds since 1970.
        keep: Keeps its record when it has changed; returns whether that succeeded.
        requests: Answers what its process asks for.

    Attributes:
        record: What is kept of it.
        session: Its application; None if it is dead, or if nothing is known of it.
    """

    def __init__(
        self,
        record: KernelRecord,
        *,
        clock: Callable[[], float],
        keep: Callable[[KernelRecord], Awaitable[bool]],
        requests: Requests,
    ) -> None:
        self.request = record.request
        self.application_id = record.application
        self.key = record.key
        self.record = record
        self.session: UnmanagedSession | None = None
        self._clock = clock
        self._keep = keep
        connect = self._connect if record.request.program == CONNECT else None
        self._link = LauncherLink(
            f"kernel {self.id}",
            history=HISTORY,
            spend=self._spend,
            clock=clock,
            changed=self.refresh,
            answer=lambda received: requests.answer(received, self._use, connect),
        )
        self._tasks = BackgroundTasks()
        self._started = 1
        self._used = 0.0
        """When its process said that it is in use."""
        self._changed = asyncio.Event()
        self._status = self._known()
        if self.dead:
            self._link.close()

    # --- its application

    def hold(self, session: UnmanagedSession) -> None:
        """Follow its application, and accept its launcher's connections."""
        self.session = session
        session.application.accept_streams(self._accept)
        self.refresh()
        _ = self._tasks.start(self._follow(session), f"kernel {self.id}")

    async def leave(self) -> None:
        """Follow its application no longer."""
        await self._tasks.aclose()

    def _spend(self, cost: int) -> float:
        return self.session.application.clients.spend(cost) if self.session else 0.0

    async def _accept(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # In a new container there would be another kernel, without the user's variables.
        if self.session is not None and self.session.loss is None:
            await self._link.accept(first, reader, writer)

    async def _follow(self, session: UnmanagedSession) -> None:
        """Watch its application to the end, or until this process leaves it."""
        while not self.dead:
            try:
                async with asyncio.timeout(_LOOK):
                    await session.ended()
            except TimeoutError:
                if session.loss is None:  # most of the time; `poll` takes a request
                    self.refresh()
                    continue
            except YarnhubError as error:
                _log.warning("kernel %s: %s", self.id, error)
                self.session = None  # until the holder finds it again
                return
            await self._look(session)

    async def _look(self, session: UnmanagedSession) -> None:
        end = await session.poll()
        if end is not None:
            await self.die(end.outcome)
        else:
            self.refresh()

    async def die(self, outcome: Outcome) -> None:
        """Its application has ended."""
        if self.dead:
            return
        self.record = replace(self.record, outcome=outcome, ended=self._clock())
        self._link.close()
        if self.session is not None:
            self.session.application.accept_streams(None)
            self.session = None
        self.refresh()
        await self._keep(self.record)

    def _use(self) -> None:
        self._used = self._clock()
        self.refresh()

    # --- its Spark Connect server

    async def _connect(self, report: ConnectReport) -> bytes:
        """Keep what its process reports; returns a certificate and its key, in PEM.

        Raises:
            RemoteProtocolError: The report is invalid or of a process that was replaced, or its
                container's node is not known.
            YarnhubError: Its address was not kept: the process reports it again.
        """
        report = checked(report)
        generation, pair = report.generation, (b"", b"")
        if self.record.connect is not None and generation < self.record.connect.generation:
            raise RemoteProtocolError("this process of the kernel was replaced by another one")
        if report.error:
            server = ConnectServer(error=report.error, generation=generation)
        else:
            host = self.status.node
            if not host:
                raise RemoteProtocolError("YARN has not reported the node of this container")
            now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
            pair = await asyncio.to_thread(issue, host, now)
            server = ConnectServer(
                host=host,
                port=report.port,
                token=report.token,
                certificate=pair[0].decode(),
                generation=generation,
            )
        await self._keep_server(server)
        return b"".join(pair)

    async def _keep_server(self, server: ConnectServer) -> None:
        """Keep it, and show it then: nobody gets an address that the next holder does not know.

        Raises:
            YarnhubError: It was not kept.
        """
        before = None
        while before is not self.record:  # it may change meanwhile
            before = self.record
            if not await self._keep(replace(before, connect=server)) and not server.error:
                raise YarnhubError("the address of the Spark Connect server was not kept")
        self.record = replace(self.record, connect=server)

    @property
    def connect(self) -> ConnectServer | None:
        """See `Kernel.connect`; None while its process is not known to be the one that serves."""
        found = self.record.connect
        if found is None or found.error or found.generation == self._generation:
            return found
        return None

    # --- its state

    @property
    def dead(self) -> bool:
        """Whether its application has ended."""
        return self.record.outcome is not None

    @property
    def without_process(self) -> bool:
        """Whether its process has ended, and no other one has been ordered, for certain."""
        seen = self._status
        ended = seen.state is KernelState.ENDED and seen.connected
        return ended and self._started <= self._generation

    @property
    def status(self) -> KernelStatus:
        """See `Kernel.status`."""
        return self._status

    async def changed(self, seen: KernelStatus) -> KernelStatus:
        """See `Kernel.changed`."""
        while self._status == seen:
            await self._changed.wait()
        return self._status

    def refresh(self) -> None:
        """Find out its status again from what is in memory."""
        status = self._known()
        if status != self._status:
            self._status = status
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    def _known(self) -> KernelStatus:
        status = self._reported()
        if self.record.outcome is not None:
            return replace(
                status,
                state=KernelState.DEAD,
                outcome=self.record.outcome,
                connected=False,
                activity=Activity.UNKNOWN,
            )
        if self.session is None:
            return status
        seen = self.session.current
        return replace(status, waits_for=seen.waits_for, node=seen.node)

    def _reported(self) -> KernelStatus:
        """What its launcher has reported."""
        report = self._link.report
        if report is None:
            return KernelStatus(state=KernelState.WAITING)
        return KernelStatus(
            state=_STATES[report.state],
            generation=report.generation,
            code=report.code,
            error=report.error,
            connected=self._link.connected,
            activity=report.activity,
            # A later time would keep it from culling.
            active=max(min(report.active, self._clock()), self._used),
            used=self._used,
            dropped=report.dropped,
        )

    # --- orders for its launcher

    async def signal(self, number: int) -> None:
        """See `Kernel.signal`."""
        if not 0 < number <= _MAX_SIGNAL:
            raise LocalProtocolError(f"{number} is not a signal")
        if not self.dead and self._may_run:
            await self._link.confirmed(self._link.order(signal=number), _CONFIRM)

    @property
    def _may_run(self) -> bool:
        """Whether it may have a process."""
        if self._status.state is KernelState.WAITING:
            return bool(self._status.node)
        return self._status.state is not KernelState.ENDED or self._started > self._generation

    @property
    def _generation(self) -> int:
        report = self._link.report
        return report.generation if report is not None else 0

    async def restart(self) -> int:
        """See `Kernel.restart`.

        A kernel without a container is not restarted: its first process is still to come.

        Raises:
            DeadlineExceededError: Its launcher, which runs, does not connect.
        """
        self._check_alive()
        if self._link.report is None:
            if self.session is not None and not self._status.node:
                return 1
            await self._link.reported(
                _CONNECT
            )  # it counts its processes, and may have done so for days
            self._check_alive()
        self._started = max(self._started, self._generation) + 1
        self._link.order(start=self._started)
        return self._started

    async def stop(self, *, now: bool = False) -> None:
        """See `Kernel.stop`.

        Raises:
            ConnectError: YARN does not report the state of its application.
        """
        if self.dead:
            return
        if self.session is None:
            raise ConnectError(f"kernel {self.id}: YARN does not report its state")
        session = self.session
        await session.stop(now=now)
        await self._look(session)

    async def open(
        self, channel: Channel, *, deadline: float = 30.0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See `Kernel.open`."""
        self._check_alive()
        return await self._link.open(channel, deadline)

    async def history(self) -> list[list[bytes]]:
        """See `Kernel.history`.

        Raises:
            RemoteProtocolError: Its launcher sent something else.
            ConnectionLostError: The connection to it was lost.
        """
        self._check_alive()
        return await self._link.history(_CONNECT)

    async def write_note(self, note: str) -> None:
        """See `Kernel.write_note`."""
        self.request = replace(self.request, note=note)
        self.record = replace(self.record, request=self.request)
        await self._keep(self.record)

    def _check_alive(self) -> None:
        if self.dead:
            raise YarnhubError(f"kernel {self.id} is dead")

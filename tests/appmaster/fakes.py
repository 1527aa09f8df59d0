"""A scheduler and NodeManagers in memory, held to the real ones by `appmaster/contract.py`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import (
    AttemptNotFoundError,
    CallOutcome,
    ConnectionLostError,
    NotRegisteredError,
    RemoteError,
    YarnhubError,
)
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.records.containers import (
    Container,
    ContainerExitStatus,
    ContainerState,
    ContainerStatus,
    ContainerSubState,
    NMToken,
    SignalContainerCommand,
)
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId, ContainerId, NodeId
from yarnhub.yarn.records.resources import Resource
from yarnhub.yarn.records.scheduler import AllocateResponse, RegisterApplicationMasterResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from yarnhub.yarn.records.applications import FinalApplicationStatus
    from yarnhub.yarn.records.launch import ContainerLaunchContext
    from yarnhub.yarn.records.resources import Priority, ResourceRequest

ATTEMPT = ApplicationAttemptId(
    application_id=ApplicationId(id=7, cluster_timestamp=1700000000000), attempt_id=1
)
NODE = NodeId(host="node-1", port=8041)
TOKEN = Token(b"id", b"secret", "kind", "")


def lost(outcome: CallOutcome = CallOutcome.UNKNOWN) -> ConnectionLostError:
    return ConnectionLostError("the connection ended", outcome)


@dataclass
class Sent:
    """One heartbeat as the scheduler got it."""

    asks: dict[tuple[int | None, str | None], int | None]
    releases: list[ContainerId]
    progress: float


@dataclass
class FakeScheduler:
    """Gives what is asked for at once, while `room` lasts.

    As the real one, it does not look at a heartbeat whose predecessor's answer was lost: it
    repeats that answer (ApplicationMasterService.allocate).
    """

    room: int = 1000
    refusals: list[YarnhubError] = field(default_factory=list)
    """Raised one by one in place of the next calls, which are not carried out."""
    losses: int = 0
    """So many of the next answers are lost on their way."""
    registrations: list[tuple[str, int, str]] = field(default_factory=list)
    heartbeats: list[Sent] = field(default_factory=list)
    finished: list[tuple[FinalApplicationStatus, str]] = field(default_factory=list)
    ended: list[ContainerStatus] = field(default_factory=list)
    """Told with the next answer."""
    given: dict[ContainerId, Container] = field(default_factory=dict)
    owed: dict[tuple[int | None, str | None], tuple[Priority | None, int]] = field(
        default_factory=dict
    )
    registered: bool = False
    over: bool = False
    _unheard: AllocateResponse | None = None
    _tokened: bool = False
    _response_id: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    # --- the port

    async def register(
        self, host: str, rpc_port: int, tracking_url: str
    ) -> RegisterApplicationMasterResponse:
        await self._call()
        self.registered, self._unheard, self._response_id = True, None, 0
        self.registrations.append((host, rpc_port, tracking_url))
        self._lose()
        return RegisterApplicationMasterResponse()

    async def allocate(
        self, asks: Sequence[ResourceRequest], releases: Sequence[ContainerId], progress: float
    ) -> AllocateResponse:
        await self._call()
        self._check()
        if self._unheard is None:
            self._unheard = self._carry_out(asks, releases, progress)
        self._lose()
        answer, self._unheard = self._unheard, None
        return answer

    async def finish(
        self, status: FinalApplicationStatus, diagnostics: str, tracking_url: str = ""
    ) -> None:
        await self._call()
        if self.over:
            return
        self._check()
        self.finished.append((status, diagnostics))
        self.over = True
        self._lose()

    # --- behind it

    async def _call(self) -> None:
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)

    def _lose(self) -> None:
        self._changed.set()
        if self.losses:
            self.losses -= 1
            raise lost()

    def _check(self) -> None:
        if self.over:
            raise AttemptNotFoundError("ApplicationAttemptNotFoundException", "no such attempt")
        if not self.registered:
            raise NotRegisteredError("ApplicationMasterNotRegisteredException", "register first")

    def _carry_out(
        self, asks: Sequence[ResourceRequest], releases: Sequence[ContainerId], progress: float
    ) -> AllocateResponse:
        told: dict[tuple[int | None, str | None], int | None] = {}
        for ask in asks:
            key = (ask.priority.priority if ask.priority else None, ask.resource_name)
            told[key] = ask.num_containers
            self.owed[key] = (ask.priority, ask.num_containers or 0)
        self.heartbeats.append(Sent(told, list(releases), progress))
        for container_id in releases:
            if self.given.pop(container_id, None) is not None:
                self.ended.append(
                    ContainerStatus(
                        container_id=container_id,
                        state=ContainerState.COMPLETE,
                        exit_status=ContainerExitStatus.ABORTED.value,
                        diagnostics="Container released by application",
                    )
                )
        allocated = self._allocate()
        ended, self.ended = self.ended, []
        for status in ended:
            self.given.pop(status.container_id, None)
        tokens = (NMToken(node_id=NODE, token=TOKEN),) if allocated and not self._tokened else ()
        self._tokened = self._tokened or bool(tokens)
        self._response_id += 1
        return AllocateResponse(
            response_id=self._response_id,
            allocated_containers=tuple(allocated),
            completed_container_statuses=tuple(ended),
            nm_tokens=tokens,
        )

    def _allocate(self) -> list[Container]:
        allocated = []
        for (number, place), (priority, count) in self.owed.items():
            if place != "*":
                continue
            now = min(count, self.room)
            self.room -= now
            self.owed[number, place] = (priority, count - now)
            allocated += [self._container(priority) for _ in range(now)]
        return allocated

    def _container(self, priority: Priority | None) -> Container:
        self._number = getattr(self, "_number", 1) + 1
        found = Container(
            id=ContainerId(app_attempt_id=ATTEMPT, id=self._number),
            node_id=NODE,
            node_http_address="node-1:8042",
            resource=Resource(memory=64, virtual_cores=1),
            priority=priority,
            container_token=TOKEN,
        )
        self.given[found.id] = found
        return found

    # --- what tests do to it

    def end(self, container_id: ContainerId, code: int = 0) -> None:
        self.ended.append(
            ContainerStatus(
                container_id=container_id, state=ContainerState.COMPLETE, exit_status=code
            )
        )

    def restart(self) -> None:
        """Forget all that a ResourceManager keeps in memory only."""
        self.registered = False
        self.owed.clear()
        self._unheard = None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a call brings about."""
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@dataclass
class FakeNodeManagers:
    """One node whose containers run until they are stopped; `scheduler` hears of their end."""

    scheduler: FakeScheduler
    refusals: list[YarnhubError] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Launches wait for it."""
    tokens: list[NMToken] = field(default_factory=list)
    launching: list[ContainerId] = field(default_factory=list)
    running: dict[ContainerId, ContainerLaunchContext] = field(default_factory=dict)
    stopped: list[ContainerId] = field(default_factory=list)
    cancelled: list[ContainerId] = field(default_factory=list)
    signals: list[tuple[ContainerId, SignalContainerCommand]] = field(default_factory=list)
    on_signal: Callable[[ContainerLaunchContext], int | None] = lambda _: 143
    """How a container ends that is asked to; None if it does not listen."""
    localizing: bool = False
    """Whether programs are not begun yet."""
    program: Callable[[ContainerLaunchContext], int | None] = lambda _: None
    """What a container does: ends with a code, or runs on."""
    ended: dict[ContainerId, int] = field(default_factory=dict)
    """What a node still knows though the scheduler does not."""
    silent: int = 0
    """So many questions are not answered."""

    def __post_init__(self) -> None:
        self.gate.set()

    def keep(self, tokens: Iterable[NMToken]) -> None:
        self.tokens += tokens

    async def start_container(self, container: Container, context: ContainerLaunchContext) -> None:
        assert self.tokens, "nothing opens a node without its token"
        self.launching.append(container.id)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append(container.id)
            raise
        if self.refusals:
            raise self.refusals.pop(0)
        self.running[container.id] = context
        self.scheduler._changed.set()
        code = self.program(context)
        if code is not None:
            self._end(container.id, code)

    async def stop_container(self, container_id: ContainerId, node: NodeId) -> None:
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        self.stopped.append(container_id)
        self.scheduler._changed.set()
        if container_id in self.running:
            self._end(container_id, ContainerExitStatus.KILLED_BY_APPMASTER.value)

    async def signal_container(
        self, container_id: ContainerId, node: NodeId, command: SignalContainerCommand
    ) -> None:
        await asyncio.sleep(0)
        if container_id not in self.running or self.localizing:
            return  # the real one says nothing either
        self.signals.append((container_id, command))
        self.scheduler._changed.set()
        code = self.on_signal(self.running[container_id])
        if code is not None:
            self._end(container_id, code)

    async def get_container_status(
        self, container_id: ContainerId, node: NodeId
    ) -> ContainerStatus:
        await asyncio.sleep(0)
        if self.silent:
            self.silent -= 1
            self.scheduler._changed.set()
            raise lost()
        if container_id in self.ended:
            return ContainerStatus(
                container_id=container_id,
                state=ContainerState.COMPLETE,
                exit_status=self.ended[container_id],
            )
        if container_id not in self.running:
            raise RemoteError("YarnException", f"Container {container_id} is not handled")
        begun = ContainerSubState.SCHEDULED if self.localizing else ContainerSubState.RUNNING
        return ContainerStatus(
            container_id=container_id, state=ContainerState.RUNNING, container_sub_state=begun
        )

    def forget(self, container_id: ContainerId, code: int) -> None:
        """It ended, and the scheduler told that to a process that was killed then."""
        del self.running[container_id]
        self.ended[container_id] = code

    def _end(self, container_id: ContainerId, code: int) -> None:
        del self.running[container_id]
        self.scheduler.end(container_id, code)

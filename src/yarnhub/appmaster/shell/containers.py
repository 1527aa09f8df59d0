"""The actions of an application on its containers' nodes."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from yarnhub.appmaster.core.actions import Launch, Probe, Resume, Signal, Stop
from yarnhub.appmaster.core.events import Ended, LaunchFailed, PortAnswered
from yarnhub.base.errors import (
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    LocalProtocolError,
    RemoteError,
    ServerBusyError,
    StaleContainerError,
    StandbyError,
    YarnhubError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.yarn.records.containers import (
    ContainerExitStatus,
    ContainerState,
    ContainerStatus,
    ContainerSubState,
    SignalContainerCommand,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

    from yarnhub.appmaster.core.contexts import ContextBuilder
    from yarnhub.appmaster.core.events import Event
    from yarnhub.spec import Service
    from yarnhub.yarn.records.containers import Container, NMToken
    from yarnhub.yarn.records.ids import ContainerId, NodeId
    from yarnhub.yarn.records.launch import ContainerLaunchContext

_log = logging.getLogger(__name__)

UNREACHABLE = (
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    ServerBusyError,
    StandbyError,
)
"""The node, or the ResourceManager, may respond again at the next call."""
CONNECT_TIMEOUT = 2.0
"""Seconds to connect to a container's port, within one network."""
_STATUS_PAUSE = 0.5
"""Seconds between two checks whether a program that must be terminated is running."""
_STATUS_RETRY = RetryPolicy(first_delay=1.0, max_delay=30.0)
_NODE_LOST_AFTER = 900.0
"""Seconds after which an unresponsive node is considered lost: YARN does so after 600
(`yarn.nm.liveness-monitor.expiry-interval-ms`), and may have reported it to an earlier process."""


async def answers(host: str, port: int) -> bool:
    """Whether a port accepts a connection, which is closed again."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # a TimeoutError is one
        return False
    writer.close()
    return True


class NodeManagersPort(Protocol):
    """The runner's interface to nodes, implemented by `yarn.node_manager.NodeManagers`."""

    def keep(self, tokens: Iterable[NMToken]) -> None:
        """See `NodeManagers.keep`."""
        ...

    async def start_container(self, container: Container, context: ContainerLaunchContext) -> None:
        """See `NodeManagers.start_container`."""
        ...

    async def stop_container(self, container_id: ContainerId, node: NodeId) -> None:
        """See `NodeManagers.stop_container`."""
        ...

    async def signal_container(
        self, container_id: ContainerId, node: NodeId, command: SignalContainerCommand
    ) -> None:
        """See `NodeManagers.signal_container`."""
        ...

    async def get_container_status(
        self, container_id: ContainerId, node: NodeId
    ) -> ContainerStatus:
        """See `NodeManagers.get_container_status`."""
        ...


class ContainerWork:
    """Executes the actions on single containers.

    Args:
        services: The application's services.
        node_managers: The nodes of the containers.
        contexts: Builds their launch contexts.
        clock: Returns the time in seconds since 1970.
        feed: Receives the resulting events.
        begin: Runs a coroutine as a task with this name, until the attempt ends.
        answers: Returns whether a host's port accepts connections.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        node_managers: NodeManagersPort,
        contexts: ContextBuilder,
        clock: Callable[[], float],
        feed: Callable[[Event], None],
        begin: Callable[[Coroutine[Any, Any, None], str], None],
        answers: Callable[[str, int], Awaitable[bool]] = answers,
    ) -> None:
        self._services = services
        self._node_managers = node_managers
        self._contexts = contexts
        self._clock = clock
        self._feed = feed
        self._begin = begin
        self._answers = answers
        self._launching: dict[ContainerId, asyncio.Event] = {}
        """Set once the node has received the request."""

    def use_tokens(self, tokens: bytes) -> None:
        """Use these delegation tokens for containers that start later."""
        self._contexts = self._contexts.with_tokens(tokens)

    def begin(self, action: Launch | Resume | Stop | Signal | Probe) -> None:
        """Start to execute an action."""
        match action:
            case Launch():
                self._launching[action.container.id] = asyncio.Event()
                self._begin(self._launch(action), f"launch {action.container.id}")
            case Resume():
                self._begin(self._resume(action.launch), f"resume {action.launch.container.id}")
            case Stop():
                self._begin(self._stop(action), f"stop {action.container.id}")
            case Signal():
                self._begin(self._signal(action), f"signal {action.container.id}")
            case Probe():
                self._begin(self._probe(action), f"probe {action.container.id}")
            case _:
                assert_never(action)

    async def _resume(self, launch: Launch) -> None:
        """Check a container that an earlier process was starting; start it if it is not running."""
        container = launch.container
        began = self._clock()
        for repetition in itertools.count():
            try:
                status = await self._node_managers.get_container_status(
                    container.id, container.node_id
                )
            except LocalProtocolError:
                # Without a token, no container is running there: the scheduler reports the end.
                return
            except UNREACHABLE as error:
                _log.warning("the status of %s is unknown: %s", container.id, error)
            except RemoteError as error:
                # ContainerManagerImpl.getContainerStatusInternal; the scheduler reports the end.
                if "recently stopped" not in str(error):
                    await self._launch(launch, resumed=True)
                return
            else:
                if status.state is ContainerState.COMPLETE:
                    self._feed(Ended(status))
                return
            if self._clock() - began > _NODE_LOST_AFTER:
                self._feed(Ended(_aborted(container.id, "its node does not respond anymore")))
                return
            await asyncio.sleep(_STATUS_RETRY.delay(repetition, random.random()))  # noqa: S311  # jitter

    async def _launch(self, action: Launch, *, resumed: bool = False) -> None:
        container = action.container
        service = self._services[action.service]
        context = self._contexts.build(action.service, service, action.instance, action.env)
        name = f"{action.service}_{action.instance}"
        try:
            await self._node_managers.start_container(container, context)
        except YarnhubError as error:
            _log.warning("%s could not be started in %s: %s", name, container.id, error)
            if resumed:
                # The time to start it is over, which is not an error of the program.
                self._feed(Ended(_aborted(container.id, str(error))))
            else:
                self._feed(LaunchFailed(container.id, str(error), _is_its_fault(error)))
        else:
            _log.info("%s starts in %s on %s", name, container.id, container.node_id)
        finally:
            told = self._launching.pop(container.id, None)
            if told is not None:
                told.set()

    async def _stop(self, action: Stop) -> None:
        container = action.container
        try:
            await self._node_managers.stop_container(container.id, container.node_id)
        except YarnhubError as error:
            # It is also released: the scheduler stops it with the node's next heartbeat.
            _log.info("%s could not be stopped at its node: %s", container.id, error)

    async def _signal(self, action: Signal) -> None:
        container = action.container
        if container.id in self._launching:
            await self._launching[container.id].wait()
        place = container.id, container.node_id
        try:
            # A program that has not started does not get the signal, and no error is reported.
            while (await self._node_managers.get_container_status(*place)).container_sub_state is (
                ContainerSubState.SCHEDULED
            ):
                await asyncio.sleep(_STATUS_PAUSE)
            await self._node_managers.signal_container(
                *place, SignalContainerCommand.GRACEFUL_SHUTDOWN
            )
        except YarnhubError as error:
            # It is killed when its grace period is over.
            _log.info("%s could not be terminated at its node: %s", container.id, error)

    async def _probe(self, action: Probe) -> None:
        container = action.container
        if await self._answers(container.node_id.host, action.port):
            self._feed(PortAnswered(container.id))


def _is_its_fault(error: YarnhubError) -> bool:
    """Whether a launch failed because of the container, and not only because of its node."""
    # Connection errors were retried for minutes before.
    return not isinstance(error, (StaleContainerError, *UNREACHABLE))


def _aborted(container_id: ContainerId, reason: str) -> ContainerStatus:
    return ContainerStatus(
        container_id=container_id,
        state=ContainerState.COMPLETE,
        exit_status=ContainerExitStatus.ABORTED.value,
        diagnostics=reason,
    )

"""What the runner relies on of a scheduler and its nodes: played on the fakes and on a cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import AttemptNotFoundError, NotRegisteredError, RemoteError
from yarnhub.yarn import launch
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.containers import (
    ContainerExitStatus,
    ContainerState,
    ContainerSubState,
    SignalContainerCommand,
)
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Priority, Resource, ResourceRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.appmaster.shell.containers import NodeManagersPort
    from yarnhub.appmaster.shell.scheduler import SchedulerPort
    from yarnhub.yarn.records.containers import Container, ContainerStatus
    from yarnhub.yarn.records.ids import ContainerId


@dataclass
class World:
    scheduler: SchedulerPort
    nodes: NodeManagersPort
    places: tuple[str, ...]
    """A host, its rack and `*`; or `*` alone."""

    def asks(self, priority: int, count: int) -> list[ResourceRequest]:
        return [
            ResourceRequest(
                priority=Priority(priority=priority),
                resource_name=place,
                capability=Resource(memory=32, virtual_cores=1),
                num_containers=count,
            )
            for place in self.places
        ]

    async def allocate(
        self, asks: Sequence[ResourceRequest], count: int, seconds: float = 30
    ) -> list[Container]:
        """Ask, and heartbeat until so many containers have come."""
        found: list[Container] = []
        async with asyncio.timeout(seconds):
            while True:
                response = await self.scheduler.allocate(asks, (), 0.1)
                self.nodes.keep(response.nm_tokens)
                found += response.allocated_containers
                if len(found) >= count:
                    return found
                asks = ()
                await asyncio.sleep(0.05)

    async def completed(
        self, *ids: ContainerId, releases: Sequence[ContainerId] = ()
    ) -> dict[ContainerId, ContainerStatus]:
        """Heartbeat until these have ended, at first giving some back."""
        found: dict[ContainerId, ContainerStatus] = {}
        async with asyncio.timeout(30):
            while set(ids) - set(found):
                response = await self.scheduler.allocate((), releases, 0.1)
                releases = ()
                found |= {each.container_id: each for each in response.completed_container_statuses}
                await asyncio.sleep(0.05)
        return found


def context(script: str) -> ContainerLaunchContext:
    return ContainerLaunchContext(command=(launch.command(script, "log"),))


async def play(world: World) -> None:
    """From an attempt that is not registered to one that is over."""
    scheduler, nodes = world.scheduler, world.nodes
    with pytest.raises(NotRegisteredError):
        await scheduler.allocate((), (), 0.1)
    await scheduler.register("localhost", 1, "")

    # So many as were asked for come, no more; each with the priority of its request.
    one, two = await world.allocate(world.asks(3, 2), 2)
    (three,) = await world.allocate(world.asks(5, 1), 1)
    assert [each.priority and each.priority.priority for each in (one, two, three)] == [3, 3, 5]
    assert len({one.id, two.id, three.id}) == 3
    assert one.node_http_address
    response = await scheduler.allocate((), (), 0.1)
    assert response.allocated_containers == ()

    # One ends by itself, one is stopped, one is given back without having run.
    await nodes.start_container(one, context("exit 3"))
    await nodes.start_container(two, context("exec sleep 1000"))
    status = await nodes.get_container_status(two.id, two.node_id)
    assert status.container_id == two.id
    assert status.state is not ContainerState.COMPLETE
    await nodes.stop_container(two.id, two.node_id)
    ends = await world.completed(one.id, two.id, three.id, releases=(three.id,))
    assert ends[one.id].exit_status == 3
    assert ends[two.id].exit_status in {ContainerExitStatus.KILLED_BY_APPMASTER, 143, 137}
    assert ends[three.id].exit_status == ContainerExitStatus.ABORTED

    # One is asked to end, once it has begun.
    (asked,) = await world.allocate(world.asks(6, 1), 1)
    place = asked.id, asked.node_id
    await nodes.start_container(asked, context("trap 'kill $!; exit 7' TERM; sleep 1000 & wait"))
    async with asyncio.timeout(30):
        while (status := await nodes.get_container_status(*place)).container_sub_state is (
            ContainerSubState.SCHEDULED
        ):
            await asyncio.sleep(0.05)
    assert status.container_sub_state is ContainerSubState.RUNNING
    await nodes.signal_container(*place, SignalContainerCommand.GRACEFUL_SHUTDOWN)
    ends = await world.completed(asked.id)
    assert ends[asked.id].exit_status in {7, 143}, "SIGTERM, perhaps before its trap is set"
    await nodes.signal_container(*place, SignalContainerCommand.GRACEFUL_SHUTDOWN)

    # What is asked for is a number, not a sum: 0 takes it back.
    later = await world.allocate(world.asks(7, 2) + world.asks(8, 0), 2)
    assert {each.priority and each.priority.priority for each in later} == {7}
    given_back = [each.id for each in later]
    ends = await world.completed(*given_back, releases=given_back)
    assert {each.exit_status for each in ends.values()} == {ContainerExitStatus.ABORTED}

    with pytest.raises(RemoteError):
        await nodes.get_container_status(three.id, three.node_id)
    await scheduler.finish(FinalApplicationStatus.SUCCEEDED, "done")
    await scheduler.finish(FinalApplicationStatus.SUCCEEDED, "done")
    with pytest.raises(AttemptNotFoundError):
        await scheduler.allocate((), (), 0.1)

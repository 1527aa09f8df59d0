"""What takes its time: an end that is asked for, a restart, and a port that is to answer."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from appmaster.clock import instant
from appmaster.core.scenario import application, service
from appmaster.shell.world import World, running
from yarnhub.base.errors import (
    ConnectError,
)
from yarnhub.control.messages import (
    FinalStatus,
    GetContainers,
    KillContainer,
    Nothing,
    Shutdown,
)
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.containers import SignalContainerCommand


@instant
async def test_a_failed_instance_is_started_again_when_its_time_has_come() -> None:
    world = World(application(a=service(max_restarts=2, restart_delay=60)))
    clock = asyncio.get_running_loop().time
    launches: list[float] = []

    def fails(_: object) -> int:
        launches.append(clock())
        return 1

    world.nodes.program = fails
    async with running(world):
        pass
    pauses = [after - before for before, after in itertools.pairwise(launches)]
    assert pauses[0] == pytest.approx(60, abs=3)
    assert pauses[1] == pytest.approx(120, abs=3)
    assert world.result is not None
    assert world.result.status is FinalStatus.FAILED


@instant
async def test_a_killed_container_is_asked_to_end() -> None:
    world = World(application("script", a=service(grace_period=30)))
    async with running(world):
        await world.until_running(1)
        (container_id,) = world.nodes.running
        await world.runner.ask(KillContainer(id="a_0"))
        await world.scheduler.until(lambda: not world.nodes.running)
        assert world.nodes.signals == [(container_id, SignalContainerCommand.GRACEFUL_SHUTDOWN)]
        await asyncio.sleep(2)
        assert await world.states() == ["KILLED"]
        assert world.nodes.stopped == []
        await world.runner.ask(Shutdown())


@instant
async def test_one_that_does_not_listen_is_stopped_at_its_time() -> None:
    world = World(application("script", a=service(grace_period=30)))
    world.nodes.on_signal = lambda _: None
    async with running(world):
        await world.until_running(1)
        await world.runner.ask(KillContainer(id="a_0"))
        began = asyncio.get_running_loop().time()
        await world.scheduler.until(lambda: bool(world.nodes.stopped))
        assert asyncio.get_running_loop().time() - began == pytest.approx(30)
        assert await world.states() == ["KILLED"]
        await world.runner.ask(Shutdown())


@instant
async def test_a_program_is_asked_once_it_has_begun() -> None:
    world = World(application("script", a=service(grace_period=30)))
    world.nodes.localizing = True
    world.nodes.gate.clear()
    async with running(world):
        await world.scheduler.until(lambda: bool(world.nodes.launching))
        await world.runner.ask(KillContainer(id="a_0"))
        await asyncio.sleep(5)
        world.nodes.gate.set()
        await asyncio.sleep(5)
        assert len(world.nodes.running) == 1
        world.nodes.localizing = False
        await world.scheduler.until(lambda: bool(world.nodes.signals))
        await world.runner.ask(Shutdown())
    assert world.nodes.stopped == []


@instant
async def test_one_that_cannot_be_asked_is_stopped_at_its_time() -> None:
    world = World(application("script", a=service(grace_period=30)))
    async with running(world):
        await world.until_running(1)

        def unreachable(_: object) -> int:
            raise ConnectError("nobody there")

        world.nodes.on_signal = unreachable
        await world.runner.ask(KillContainer(id="a_0"))
        await world.scheduler.until(lambda: bool(world.nodes.stopped))
        await world.runner.ask(Shutdown())
    assert len(world.nodes.signals) == 1


@instant
async def test_the_end_waits_for_what_has_a_grace_period() -> None:
    world = World(application("script", a=service(grace_period=30)))
    world.nodes.on_signal = lambda _: None
    async with running(world):
        await world.until_running(1)
        (container_id,) = world.nodes.running
        assert await world.runner.ask(Shutdown()) == Nothing()
        await asyncio.sleep(20)
        assert world.scheduler.finished == []
        world.nodes._end(container_id, 0)
    assert [status for status, _ in world.scheduler.finished] == [FinalApplicationStatus.SUCCEEDED]
    assert world.nodes.stopped == []


@instant
async def test_a_port_is_looked_at_until_it_answers() -> None:
    looks: list[tuple[str, int]] = []
    open_at_last = iter((False, False, True))

    async def answers(host: str, port: int) -> bool:
        looks.append((host, port))
        return next(open_at_last)

    world = World(
        application("script", a=service(ready={"port": 8888}), b=service(depends={"a"})),
        answers=answers,
    )
    async with running(world):
        await world.until_running(1)
        assert await world.states() == ["RUNNING", "WAITING"]
        await world.until_running(2)
        assert looks == [("node-1", 8888)] * 3
        first, _ = (await world.runner.ask(GetContainers())).containers
        assert first.ready
        await asyncio.sleep(60)
        assert len(looks) == 3
        await world.runner.ask(Shutdown())


@instant
async def test_cancelling_ends_what_looks_and_what_waits() -> None:
    ended: list[str] = []

    async def answers(host: str, port: int) -> bool:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append("probe")
        return False

    world = World(
        application("script", a=service(ready={"port": 1}, restart_delay=9)), answers=answers
    )
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        task = group.create_task(world.run())
        await world.until_running(1)
        await asyncio.sleep(0.1)
        task.cancel()
    assert ended == ["probe"]
    assert world.runner._alarm is None

"""An application from its registration to its end, and what its clients ask for meanwhile."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from appmaster.clock import instant
from appmaster.core.scenario import OVER, application, service
from appmaster.fakes import lost
from appmaster.shell.world import World, running
from yarnhub.appmaster.core.actions import Finish
from yarnhub.appmaster.core.events import MasterScriptEnded
from yarnhub.base.errors import (
    ConnectError,
    ControlError,
    DeadlineExceededError,
    RemoteError,
    StaleContainerError,
    YarnhubError,
)
from yarnhub.control.messages import (
    AddContainer,
    ContainerState,
    Entries,
    Entry,
    Failure,
    FinalStatus,
    GetContainers,
    KillContainer,
    Nothing,
    PutKey,
    Scale,
    SetProgress,
    Shutdown,
    WaitKey,
)
from yarnhub.yarn.records.applications import FinalApplicationStatus


@instant
async def test_from_the_registration_to_the_end() -> None:
    world = World(application(a=service(instances=2)))
    async with running(world):
        await world.until_running(2)
        assert world.scheduler.registrations == [("am", 1, "http://am")]
        assert await world.states() == ["RUNNING", "RUNNING"]
        for container_id in world.nodes.running:
            world.scheduler.end(container_id)
    assert world.result == Finish(FinalStatus.SUCCEEDED, OVER)
    assert world.scheduler.finished == [
        (FinalApplicationStatus.SUCCEEDED, "All services have completed successfully.")
    ]


@instant
async def test_a_context_is_the_instances() -> None:
    world = World(application(a=service(instances=0)))
    async with running(world):
        await world.runner.ask(AddContainer(service="a", env={"X": "$1"}))
        await world.until_running(1)
        (context,) = world.nodes.running.values()
        assert context.environment["SKEIN_CONTAINER_ID"] == "a_0"
        assert context.environment["X"] == "\\$1"
        await world.runner.ask(Shutdown())


@instant
@pytest.mark.parametrize("status", FinalStatus)
async def test_every_status_is_yarns(status: FinalStatus) -> None:
    world = World(application(a=service()))
    async with running(world):
        assert await world.runner.ask(Shutdown(status=status, diagnostics="x")) == Nothing()
    assert world.scheduler.finished == [(FinalApplicationStatus[status.value], "x")]


@instant
async def test_progress_goes_with_the_heartbeats() -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.until_running(1)
        assert {each.progress for each in world.scheduler.heartbeats} == {0.1}
        await world.runner.ask(SetProgress(progress=0.5))
        await world.scheduler.until(lambda: world.scheduler.heartbeats[-1].progress == 0.5)
        await world.runner.ask(Shutdown())


@instant
async def test_scaling_down_asks_stops_and_releases() -> None:
    world = World(application("run", a=service(instances=3)))
    world.scheduler.room = 1
    async with running(world):
        await world.until_running(1)
        (container_id,) = world.nodes.running
        await world.runner.ask(Scale(service="a", count=0))
        await world.scheduler.until(lambda: bool(world.nodes.stopped))
        await world.scheduler.until(
            lambda: any(each.releases for each in world.scheduler.heartbeats)
        )
        assert world.nodes.stopped == [container_id]
        assert world.scheduler.heartbeats[-1].asks == {(1, "*"): 0}
        assert world.scheduler.owed[1, "*"][1] == 0
        world.runner.feed(MasterScriptEnded(0))


@instant
async def test_launches_run_beside_each_other() -> None:
    world = World(application(a=service(instances=5)))
    world.nodes.gate.clear()
    async with running(world):
        await world.scheduler.until(lambda: len(world.nodes.launching) == 5)
        assert not world.nodes.running
        before = len(world.scheduler.heartbeats)
        await world.scheduler.until(lambda: len(world.scheduler.heartbeats) > before + 2)
        world.nodes.gate.set()
        await world.until_running(5)
        await world.runner.ask(Shutdown())


@instant
async def test_a_launch_that_fails_is_told_and_its_container_given_back() -> None:
    world = World(application(a=service(max_restarts=1)))
    world.nodes.refusals.append(RemoteError("YarnException", "no room in the inn"))
    async with running(world):
        await world.until_running(1)
        (first, _) = (await world.runner.ask(GetContainers(states=None))).containers
        assert first.state is ContainerState.FAILED
        assert "no room in the inn" in first.exit_message
        released = [each for sent in world.scheduler.heartbeats for each in sent.releases]
        assert [str(each) for each in released] == [first.yarn_container_id]
        await world.runner.ask(Shutdown())


@instant
@pytest.mark.parametrize(
    "error",
    [
        StaleContainerError("InvalidContainerException", "of a previous RM"),
        ConnectError("of a previous node"),
        DeadlineExceededError("of a previous network"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_launch_that_could_never_succeed_is_no_failure_of_its_service(
    error: YarnhubError,
) -> None:
    world = World(application(a=service(max_restarts=0)))
    world.nodes.refusals.append(error)
    async with running(world):
        await world.until_running(1)
        (first, second) = (await world.runner.ask(GetContainers(states=None))).containers
        assert (first.state, second.state) == (ContainerState.FAILED, ContainerState.RUNNING)
        assert "of a previous" in first.exit_message
        await world.runner.ask(Shutdown())


@instant
async def test_a_stop_that_fails_is_left_to_the_scheduler() -> None:
    world = World(application("run", a=service()))
    async with running(world):
        await world.until_running(1)
        (container_id,) = world.nodes.running
        world.nodes.refusals.append(lost())
        await world.runner.ask(KillContainer(id="a_0"))
        await world.scheduler.until(lambda: container_id not in world.scheduler.given)
        assert container_id in world.nodes.running, "the node was not told"
        assert await world.states() == ["KILLED"]
        world.runner.feed(MasterScriptEnded(0))
    assert container_id in [each for sent in world.scheduler.heartbeats for each in sent.releases]


@instant
async def test_the_end_cancels_launches_under_way() -> None:
    world = World(application(a=service()))
    world.nodes.gate.clear()
    async with running(world):
        await world.scheduler.until(lambda: bool(world.nodes.launching))
        await world.runner.ask(Shutdown())
    assert world.nodes.cancelled == world.nodes.launching
    assert len(world.scheduler.finished) == 1


# --- clients


@instant
async def test_a_refused_request_raises() -> None:
    world = World(application(a=service()))
    async with running(world):
        with pytest.raises(ControlError, match="Unknown service 'x'") as caught:
            await world.runner.ask(Scale(service="x", count=1))
        assert caught.value.code == "invalid"
        await world.runner.ask(Shutdown())


@instant
async def test_waiting_for_a_key() -> None:
    world = World(application(a=service()))
    async with running(world), asyncio.TaskGroup() as group:
        waiting = group.create_task(world.runner.ask(WaitKey(key="k")))
        await world.until_running(1)
        assert not waiting.done()
        await world.runner.ask(PutKey(key="k", value=b"v"))
        assert (await waiting).entries == (Entry(key="k", value=b"v"),)
        await world.runner.ask(Shutdown())


@instant
async def test_cancelling_a_wait_leaves_nothing_behind() -> None:
    world = World(application(a=service()))
    async with running(world):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await world.runner.ask(WaitKey(key="k"))
        assert world.runner._replies == {}
        assert world.application.requests.waiting == 0
        await world.runner.ask(Shutdown())


@instant
async def test_an_answer_is_there_at_once_unless_it_must_be_waited_for() -> None:
    world = World(application(a=service()))
    async with running(world):
        wait = world.runner.begin(WaitKey(key="k"))
        given_up = world.runner.begin(WaitKey(key="k"))
        given_up.cancel()
        assert not wait.done()
        assert world.runner.begin(PutKey(key="k", value=b"v")).result() == Nothing()
        assert wait.result() == Entries(entries=(Entry(key="k", value=b"v"),))
        refused = world.runner.begin(Scale(service="x", count=1)).result()
        assert isinstance(refused, Failure)
        never = world.runner.begin(WaitKey(key="never"))
        never.cancel()
        await asyncio.sleep(0)
        assert (world.runner._replies, world.application.requests.waiting) == ({}, 0)
        await world.runner.ask(Shutdown())


@instant
async def test_who_waits_at_the_end_is_told() -> None:
    world = World(application(a=service()))

    async def wait() -> None:
        with pytest.raises(ControlError, match="ending"):
            await world.runner.ask(WaitKey(key="k"))

    async with running(world), asyncio.TaskGroup() as group:
        group.create_task(wait())
        await world.until_running(1)
        await world.runner.ask(Shutdown())


@instant
async def test_requests_before_the_registration_are_carried_out() -> None:
    world = World(application(a=service(instances=0)))
    assert await world.runner.ask(PutKey(key="k", value=b"")) == Nothing()
    await world.runner.ask(AddContainer(service="a"))
    async with running(world):
        await world.until_running(1)
        await world.runner.ask(Shutdown())


@instant
async def test_a_shutdown_before_the_registration() -> None:
    world = World(application(a=service()))
    await world.runner.ask(Shutdown(diagnostics="never mind"))
    async with running(world):
        pass
    assert world.scheduler.heartbeats == []
    assert world.scheduler.finished == [(FinalApplicationStatus.SUCCEEDED, "never mind")]


# --- cancellation


@instant
async def test_cancelling_leaves_the_application_registered() -> None:
    world = World(application(a=service()))
    world.nodes.gate.clear()
    task = asyncio.get_running_loop().create_task(world.run())
    await world.scheduler.until(lambda: bool(world.nodes.launching))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.scheduler.finished == []
    assert world.nodes.cancelled == world.nodes.launching
    assert asyncio.all_tasks() == {asyncio.current_task()}


@instant
async def test_cancelling_at_any_time_leaves_no_task_behind() -> None:
    for steps in range(40):
        world = World(application(a=service(instances=3)))
        task = asyncio.get_running_loop().create_task(world.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}


# --- pace


@instant
async def test_heartbeats_are_soon_while_containers_are_awaited_and_slow_down() -> None:
    world = World(application("run", a=service()))
    world.scheduler.room = 0
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async with running(world):
        for _ in range(50):
            count = len(world.scheduler.heartbeats)
            await world.scheduler.until(lambda: len(world.scheduler.heartbeats) > count)  # noqa: B023
            times.append(loop.time())
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses[1] == pytest.approx(0.05, rel=0.3)
        assert pauses[-1] == pytest.approx(1.0, rel=0.01)
        assert sorted(pauses[1:]) == pytest.approx(pauses[1:], rel=0.01)
        world.runner.feed(MasterScriptEnded(0))

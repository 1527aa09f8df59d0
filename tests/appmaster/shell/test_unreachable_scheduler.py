"""A ResourceManager that is away, loses answers, was replaced, or refuses."""

from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from appmaster.core.scenario import application, service
from appmaster.fakes import lost
from appmaster.shell.world import World, running
from yarnhub.appmaster.core.events import MasterScriptEnded
from yarnhub.base.errors import (
    AttemptNotFoundError,
    CallOutcome,
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    NotRegisteredError,
    RemoteError,
    ServerBusyError,
    StandbyError,
    YarnhubError,
)
from yarnhub.control.messages import (
    AddContainer,
    KillContainer,
    Nothing,
    Scale,
    Shutdown,
)
from yarnhub.yarn.records.applications import FinalApplicationStatus

UNREACHABLE: list[YarnhubError] = [
    lost(),
    lost(CallOutcome.NOT_SENT),
    ConnectError("nobody there"),
    DeadlineExceededError("no answer"),
    StandbyError("StandbyException", "both are standby"),
    ServerBusyError("RetriableException", "later"),
]
NOT_REGISTERED = NotRegisteredError("ApplicationMasterNotRegisteredException", "who?")


@instant
@pytest.mark.parametrize("error", UNREACHABLE, ids=lambda each: type(each).__name__)
async def test_what_could_not_be_sent_is_sent_again(error: YarnhubError) -> None:
    world = World(application("run", a=service(instances=2)))
    async with running(world):
        await world.until_running(2)
        (container_id, *_) = world.nodes.running
        world.scheduler.refusals += [error] * 3
        await world.runner.ask(KillContainer(id="a_0"))
        await world.runner.ask(Scale(service="a", count=3))
        await world.until_running(3)
        released = [each for sent in world.scheduler.heartbeats for each in sent.releases]
        assert container_id in released
        assert len(world.scheduler.registrations) == 1
        world.runner.feed(MasterScriptEnded(0))


@instant
async def test_what_came_with_a_lost_answer_is_not_lost() -> None:
    # The scheduler answers the next heartbeat with the lost answer and does not look at it.
    world = World(application("run", a=service(instances=1), b=service(instances=0)))
    async with running(world):
        await world.until_running(1)
        (container_id,) = world.nodes.running
        world.scheduler.losses = 1
        await world.scheduler.until(lambda: world.scheduler.losses == 0)
        await world.runner.ask(AddContainer(service="b"))
        await world.runner.ask(KillContainer(id="a_0"))
        await world.scheduler.until(lambda: container_id not in world.scheduler.given)
        await world.scheduler.until(lambda: len(world.scheduler.given) == 1)
        assert await world.states() == ["KILLED", "RUNNING"]
        world.runner.feed(MasterScriptEnded(0))


@instant
async def test_requests_taken_back_with_a_lost_answer_are_taken_back_again() -> None:
    world = World(application("run", a=service(instances=4)))
    world.scheduler.room = 0
    async with running(world):
        await world.scheduler.until(lambda: (1, "*") in world.scheduler.owed)
        world.scheduler.losses = 1
        await world.scheduler.until(lambda: world.scheduler.losses == 0)
        await world.runner.ask(Scale(service="a", count=0))
        await world.scheduler.until(lambda: world.scheduler.owed[1, "*"][1] == 0)
        world.runner.feed(MasterScriptEnded(0))


@instant
async def test_a_container_that_came_with_a_lost_answer_is_launched() -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.scheduler.until(lambda: world.scheduler.registered)
        world.scheduler.losses = 2
        await world.until_running(1)
        assert len(world.scheduler.given) == 1
        await world.runner.ask(Shutdown())


@instant
async def test_after_a_restart_of_the_resource_manager_all_is_asked_again() -> None:
    world = World(application("run", a=service(instances=3), b=service()))
    world.scheduler.room = 2
    async with running(world):
        await world.until_running(2)
        world.scheduler.restart()
        await world.scheduler.until(lambda: len(world.scheduler.registrations) == 2)
        await world.scheduler.until(lambda: bool(world.scheduler.owed))
        owed = {key: count for key, (_, count) in world.scheduler.owed.items()}
        assert owed == {(1, "*"): 1, (2, "*"): 1}
        world.scheduler.room = 2
        await world.until_running(4)
        world.runner.feed(MasterScriptEnded(0))


@instant
@pytest.mark.parametrize("carried_out", [True, False])
async def test_registering_again_survives_a_lost_connection(carried_out: bool) -> None:
    world = World(application("run", a=service(instances=2)))
    world.scheduler.room = 1
    async with running(world):
        await world.until_running(1)
        world.scheduler.restart()
        world.scheduler.refusals += [NOT_REGISTERED]
        if carried_out:
            world.scheduler.losses = 1
        else:
            world.scheduler.refusals += [ConnectError("nobody there")]
        world.scheduler.room = 1
        await world.until_running(2)
        world.runner.feed(MasterScriptEnded(0))
    assert world.scheduler.finished


@instant
async def test_a_resource_manager_that_is_away_at_the_start_is_waited_for() -> None:
    world = World(application(a=service()))
    world.scheduler.refusals += [ConnectError("nobody there")] * 5
    async with running(world):
        await world.until_running(1)
        assert (len(world.scheduler.registrations), world.scheduler.refusals) == (1, [])
        await world.runner.ask(Shutdown())


@instant
@pytest.mark.parametrize(
    "errors",
    [[lost()], [ConnectError("nobody there")] * 3, [NOT_REGISTERED], [lost(), NOT_REGISTERED]],
)
async def test_the_end_is_told_until_it_is_known(errors: list[YarnhubError]) -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.until_running(1)
        await world.runner.ask(Shutdown(diagnostics="enough"))
        world.scheduler.refusals += errors
    assert world.scheduler.finished == [(FinalApplicationStatus.SUCCEEDED, "enough")]


@instant
async def test_an_end_whose_answer_is_lost_is_told_once() -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.until_running(1)
        await world.runner.ask(Shutdown())
        world.scheduler.losses = 1
    assert len(world.scheduler.finished) == 1


@instant
async def test_an_attempt_that_yarn_has_ended_ends_quietly() -> None:
    world = World(application(a=service()))
    async with running(world) as task:
        await world.until_running(1)
        world.scheduler.over = True
        assert await task is None
    assert world.scheduler.finished == []


@instant
async def test_behind_the_end_of_an_attempt_clients_do_no_harm() -> None:
    world = World(application(a=service()))
    async with running(world) as task:
        await world.until_running(1)
        world.scheduler.refusals.append(AttemptNotFoundError("x", "gone"))
        assert await task is None
        assert await world.runner.ask(KillContainer(id="a_0")) == Nothing()
    assert world.nodes.stopped == []


@instant
async def test_what_the_scheduler_can_never_grant_ends_the_application_with_its_words() -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.until_running(1)
        world.scheduler.refusals += [
            lost(),
            InvalidRequestError("InvalidLabelResourceRequestException", "no such label: gpu"),
        ]
    assert world.scheduler.finished == [
        (
            FinalApplicationStatus.FAILED,
            "YARN refused the request: no such label: gpu",
        )
    ]


@instant
async def test_what_a_resource_manager_says_that_is_about_to_stop_is_no_refusal() -> None:
    world = World(application("run", a=service(instances=2)))
    async with running(world):
        await world.until_running(2)
        broken = RemoteError("YarnRuntimeException", "java.lang.InterruptedException")
        world.scheduler.refusals += [broken] * 5
        await world.runner.ask(Scale(service="a", count=3))
        await world.until_running(3)
        assert (len(world.scheduler.registrations), world.scheduler.refusals) == (1, [])
        assert await world.states() == ["RUNNING"] * 3
        world.runner.feed(MasterScriptEnded(0))


@instant
async def test_what_it_says_again_and_again_is_one() -> None:
    world = World(application("run", a=service()))
    async with running(world):
        await world.until_running(1)
        broken = RemoteError("NullPointerException", "at some line")
        world.scheduler.refusals += [broken] * 6
    ((status, words),) = world.scheduler.finished
    assert status is FinalApplicationStatus.FAILED
    assert words == "YARN refused the request: at some line"


@instant
async def test_an_unreachable_resource_manager_is_not_asked_without_pause() -> None:
    world = World(application("run", a=service()))
    async with running(world):
        await world.until_running(1)
        began = asyncio.get_running_loop().time()
        world.scheduler.refusals += [ConnectError("nobody there")] * 10
        await world.runner.ask(Scale(service="a", count=2))
        await world.until_running(2)
        assert asyncio.get_running_loop().time() - began > 0.5
        world.runner.feed(MasterScriptEnded(0))

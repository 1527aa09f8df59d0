from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from appmaster.bootstrap import CREDENTIALS
from appmaster.clock import instant
from appmaster.core.scenario import OVER, application, requested, service
from appmaster.fakes import lost
from appmaster.shell.world import NEWER, World, running
from yarnhub.appmaster.core.actions import Finish
from yarnhub.appmaster.core.events import MasterScriptEnded
from yarnhub.base.errors import (
    AttemptNotFoundError,
    ConnectError,
    ControlError,
    DeadlineExceededError,
    InvalidRequestError,
    NotRegisteredError,
    Outcome,
    RemoteError,
    ServerBusyError,
    StaleContainerError,
    StandbyError,
    YarnhubError,
)
from yarnhub.control.messages import (
    AddContainer,
    ContainerState,
    Entry,
    FinalStatus,
    GetContainers,
    KillContainer,
    Nothing,
    PutKey,
    Scale,
    SetProgress,
    Shutdown,
    UpdateTokens,
    WaitKey,
)
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.containers import SignalContainerCommand

if TYPE_CHECKING:
    from pathlib import Path


UNREACHABLE: list[YarnhubError] = [
    lost(),
    lost(Outcome.NOT_SENT),
    ConnectError("nobody there"),
    DeadlineExceededError("no answer"),
    StandbyError("StandbyException", "both are standby"),
    ServerBusyError("RetriableException", "later"),
]
NOT_REGISTERED = NotRegisteredError("ApplicationMasterNotRegisteredException", "who?")


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


# --- the ResourceManager is away, or another one


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
            "YARN refused what was asked for: no such label: gpu",
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
    assert words == "YARN refused what was asked for: at some line"


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
        for _ in range(25):
            count = len(world.scheduler.heartbeats)
            await world.scheduler.until(lambda: len(world.scheduler.heartbeats) > count)  # noqa: B023
            times.append(loop.time())
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses[1] == pytest.approx(0.1, rel=0.3)
        assert pauses[-1] == pytest.approx(1.0, rel=0.01)
        assert sorted(pauses[1:]) == pytest.approx(pauses[1:], rel=0.01)
        world.runner.feed(MasterScriptEnded(0))


@instant
async def test_an_unreachable_resource_manager_is_not_asked_without_pause() -> None:
    world = World(application("run", a=service()))
    async with running(world):
        await world.until_running(1)
        began = asyncio.get_running_loop().time()
        world.scheduler.refusals += [ConnectError("nobody there")] * 10
        await world.runner.ask(Scale(service="a", count=2))
        await world.until_running(2)
        assert asyncio.get_running_loop().time() - began > 1
        world.runner.feed(MasterScriptEnded(0))


# --- tokens


@instant
async def test_containers_started_later_get_the_newer_tokens() -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.until_running(1)
        given = Credentials({NEWER.service: NEWER}).write()
        assert await world.runner.ask(UpdateTokens(tokens=given)) == Nothing()
        await world.runner.ask(AddContainer(service="a"))
        await world.until_running(2)
        first, second = (
            Credentials.read(context.tokens or b"") for context in world.nodes.running.values()
        )
        assert first.tokens[NEWER.service].identifier == b"hdfs"
        assert second.tokens[NEWER.service] == NEWER
        await world.runner.ask(Shutdown())


async def test_the_masters_script_finds_newer_tokens_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "container_tokens"
    path.write_bytes(CREDENTIALS.write())
    world = World(application("run", a=service()), path)
    async with running(world):
        await world.until_running(1)
        for _ in range(3):
            given = Credentials({NEWER.service: NEWER}).write()
            await world.runner.ask(UpdateTokens(tokens=given))
        while Credentials.read(path.read_bytes()).tokens[NEWER.service] != NEWER:
            await asyncio.sleep(0.01)
        await world.runner.ask(Shutdown())
    assert Credentials.read(path.read_bytes()).secrets == CREDENTIALS.secrets
    async with asyncio.timeout(20):  # a thread that was writing when all ended goes on
        while list(tmp_path.iterdir()) != [path]:
            await asyncio.sleep(0.01)


async def test_an_application_goes_on_without_its_token_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(application("run", a=service()), tmp_path / "none")
    async with running(world):
        await world.until_running(1)
        await world.runner.ask(UpdateTokens(tokens=Credentials().write()))
        while "the master's script does not get new tokens" not in caplog.text:
            await asyncio.sleep(0.01)
        assert await world.states() == ["RUNNING"]
        await world.runner.ask(Shutdown(diagnostics="enough"))
    assert world.result == Finish(FinalStatus.SUCCEEDED, requested("enough"))


# --- time


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

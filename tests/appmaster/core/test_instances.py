"""What becomes of instances: they are launched, fail, and are started again."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import (
    OVER,
    Scenario,
    application,
    begun,
    container,
    container_id,
    ended,
    report,
    service,
)
from yarnhub.appmaster.core.actions import Ask, Finish, Launch, Release
from yarnhub.appmaster.core.events import (
    LaunchFailed,
)
from yarnhub.control.messages import (
    AddContainer,
    FinalStatus,
    KillContainer,
    Scale,
)
from yarnhub.control.messages import ContainerState as S
from yarnhub.control.outcomes import Outcome
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit
from yarnhub.yarn.records.containers import ContainerStatus

LOST = (
    Exit.ABORTED,
    Exit.DISKS_FAILED,
    Exit.PREEMPTED,
    Exit.KILLED_BY_RESOURCEMANAGER,
    Exit.KILLED_BY_CONTAINER_SCHEDULER,
)


@pytest.mark.parametrize(("limit", "restarted"), [(0, 0), (1, 1), (2, 2)])
def test_failed_instances_are_replaced_up_to_the_limit(limit: int, restarted: int) -> None:
    play = Scenario(application(a=service(max_restarts=limit)))
    play.start()
    for number in range(restarted):
        (given,) = play.allocate("a")
        play.complete(given, 1)
        assert play.finish is None
        assert play.states("a") == ["FAILED"] * (number + 1) + ["REQUESTED"]
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.finish == Finish(
        FinalStatus.FAILED, Outcome.of_code(1).of_application(f"a_{restarted}"), retriable=True
    )
    assert play.finish.diagnostics == (
        f"Failure in service a: a_{restarted} ended. Exit code 1: its program failed, see its log."
    )
    assert play.launched == [f"a_{number}" for number in range(restarted + 1)]


def test_restarts_without_limit() -> None:
    play = Scenario(application(a=service(max_restarts=-1)))
    play.start()
    for _ in range(50):
        (given,) = play.allocate("a")
        play.complete(given, 1)
    assert play.states("a") == ["FAILED"] * 50 + ["REQUESTED"]
    (given,) = play.allocate("a")
    play.complete(given)
    assert play.finish == Finish(FinalStatus.SUCCEEDED, OVER)


def test_restarts_are_counted_over_the_whole_service() -> None:
    play = Scenario(application(a=service(instances=2, max_restarts=1)))
    play.start()
    one, two = play.allocate("a", 2)
    play.complete(one, 1)
    assert play.finish is None
    play.complete(two, 1)
    assert play.finish is not None
    assert play.finish.diagnostics.startswith("Failure in service a: a_1 ended.")


def test_a_restart_keeps_the_instances_variables() -> None:
    play = Scenario(application(a=service(instances=0, max_restarts=1)))
    play.start()
    play.ask(AddContainer(service="a", env={"Y": "2"}))
    (given,) = play.allocate("a")
    play.complete(given, 1)
    play.allocate("a")
    assert [(each.instance, each.env) for each in play.of(Launch)] == [
        (0, {"Y": "2"}),
        (1, {"Y": "2"}),
    ]


def test_an_instance_that_ends_well_when_yarn_kills_it_for_its_memory_has_failed() -> None:
    play = Scenario(application(a=service(max_restarts=0)))
    play.start()
    diagnostics = (
        "Container [pid=7,containerID=container_1_0001_01_000002] is running 1024B beyond the "
        "'PHYSICAL' memory limit. Current usage: 513 MB of 512 MB physical memory used."
    )
    play.complete(play.allocate("a")[0], 0, diagnostics)
    assert play.states("a") == ["FAILED"]
    assert play.finish is not None
    assert "more memory" in play.finish.diagnostics


def test_allowed_failures_do_not_end_the_application() -> None:
    play = Scenario(application(a=service(instances=2, allow_failures=True)))
    play.start()
    one, two = play.allocate("a", 2)
    play.complete(one, 1)
    assert play.states("a") == ["FAILED", "RUNNING"]
    assert play.finish is None
    play.complete(two, 137)
    assert play.finish == Finish(FinalStatus.SUCCEEDED, OVER)


def test_allowed_failures_are_restarted_too() -> None:
    play = Scenario(application(a=service(allow_failures=True, max_restarts=1)))
    play.start()
    for _ in range(2):
        (given,) = play.allocate("a")
        play.complete(given, 1)
    assert play.finish == Finish(FinalStatus.SUCCEEDED, OVER)
    assert play.launched == ["a_0", "a_1"]


@pytest.mark.parametrize("code", LOST, ids=lambda each: each.name)
def test_what_yarn_took_back_is_replaced_and_not_counted(code: Exit) -> None:
    play = Scenario(application(a=service()))
    play.start()
    for _ in range(3):
        (given,) = play.allocate("a")
        play.complete(given, code.value)
    assert play.finish is None
    assert play.states("a") == ["FAILED"] * 3 + ["REQUESTED"]
    (instance, *_) = play.application.services["a"].instances
    assert instance.report().exit_message.startswith(f"Exit code {code.value}: ")


@pytest.mark.parametrize("code", [each for each in Exit if each not in LOST and each.value])
def test_every_other_end_by_yarn_counts(code: Exit) -> None:
    play = Scenario(application(a=service()))
    play.start()
    (given,) = play.allocate("a")
    play.complete(given, code.value)
    assert play.finish is not None
    assert play.finish.status is FinalStatus.FAILED


def test_the_failure_that_ended_the_application_is_named_not_another_one() -> None:
    play = Scenario(application(a=service(instances=2)))
    play.start()
    one, two = play.allocate("a", 2)
    play.heartbeat(ended(one, Exit.PREEMPTED.value), ended(two, 1))
    assert play.finish is not None
    assert play.finish.diagnostics.startswith("Failure in service a: a_1 ended. Exit code 1:")


def test_one_completion_does_not_hide_those_behind_it() -> None:
    # skein left the loop at a container that the AM itself had ended; the later ones ran for ever.
    play = Scenario(application(a=service(instances=3, allow_failures=True)))
    play.start()
    one, two, three = play.allocate("a", 3)
    play.heartbeat(
        ended(one, Exit.KILLED_BY_APPMASTER.value),
        ContainerStatus(container_id=container_id(99), exit_status=1),
        ended(two, 0),
        ended(three, 1),
    )
    states = [each.state for each in play.application.services["a"].instances]
    assert states == [S.FAILED, S.SUCCEEDED, S.FAILED]


def test_a_container_may_end_in_the_heartbeat_that_gave_it() -> None:
    play = Scenario(application(a=service(max_restarts=1)))
    play.start()
    given = play.container("a")
    actions = play.heartbeat(given, ended(given, 1))
    assert actions[0] == Launch(given, "a", 0, {})
    assert play.states("a") == ["FAILED", "REQUESTED"]


def test_an_end_that_is_told_twice_counts_once() -> None:
    play = Scenario(application(a=service(max_restarts=1)))
    play.start()
    (given,) = play.allocate("a")
    play.heartbeat(ended(given, 1), ended(given, 1))
    play.complete(given, 1)
    assert play.states("a") == ["FAILED", "REQUESTED"]


def test_a_launch_that_fails_counts_as_a_failure() -> None:
    play = Scenario(application(a=service(max_restarts=1)))
    play.start()
    (given,) = play.allocate("a")
    actions = play.do(LaunchFailed(given.id, "no route"))
    assert actions[0] == Release(given.id)
    (first, second) = play.application.services["a"].instances
    assert first.state is S.FAILED
    assert first.report().exit_message == "Could not be started: no route"
    assert second.state is S.REQUESTED
    (given,) = play.allocate("a")
    play.do(LaunchFailed(given.id, "no route"))
    assert play.finish is not None
    assert play.finish.status is FinalStatus.FAILED
    assert play.finish.retriable
    assert play.finish.diagnostics == (
        "Failure in service a: a_1 ended. Could not be started: no route"
    )


def test_yarn_telling_the_end_of_a_failed_launch_changes_nothing() -> None:
    play = Scenario(application(a=service(max_restarts=1)))
    play.start()
    (given,) = play.allocate("a")
    play.do(LaunchFailed(given.id, "no route"))
    assert play.complete(given, Exit.ABORTED.value) == []
    assert play.states("a") == ["FAILED", "REQUESTED"]


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_a_launch_that_fails_after_the_end_changes_nothing(how: str) -> None:
    play = Scenario(application(a=service(instances=2)))
    play.start()
    given, _ = play.allocate("a", 2)
    if how == "killed":
        play.ask(KillContainer(id="a_0"))
    else:
        play.complete(given)
    assert play.do(LaunchFailed(given.id, "gone")) == []


def test_more_containers_than_asked_for_are_released() -> None:
    play = Scenario(application(a=service()))
    play.start()
    one, two = play.container("a"), play.container("a")
    assert play.heartbeat(one, two) == [Launch(one, "a", 0, {}), Release(two.id)]


@pytest.mark.parametrize("priority", [0, 9])
def test_a_container_of_an_unknown_priority_is_released(priority: int) -> None:
    play = Scenario(application(a=service()))
    play.start()
    assert play.heartbeat(container(5, priority)) == [Release(container_id(5))]
    assert play.states("a") == ["REQUESTED"]


def test_a_container_for_an_instance_killed_meanwhile_is_released() -> None:
    play = Scenario(application("run", a=service(instances=2)))
    play.start()
    on_its_way = play.container("a")
    play.ask(Scale(service="a", count=0))
    assert play.asked["a"] == 0
    assert play.heartbeat(on_its_way) == [Release(on_its_way.id)]


def test_restarts_are_at_once_unless_a_delay_is_given() -> None:
    play = begun(a={"max_restarts": -1})
    for _ in range(3):
        (given,) = play.allocate("a")
        play.complete(given, 1)
        assert play.application.due is None
        assert play.asked == {"a": 1}


@pytest.mark.parametrize(
    ("first", "most", "delays"),
    [(1, 300, [1, 2, 4, 8, 16]), (10, 25, [10, 20, 25, 25]), (7, 7, [7, 7, 7])],
)
def test_the_delay_doubles_up_to_its_maximum(first: int, most: int, delays: list[int]) -> None:
    play = begun(a={"max_restarts": -1, "restart_delay": first, "max_restart_delay": most})
    for delay in delays:
        (given,) = play.allocate("a")
        play.complete(given, 1)
        assert report(play).state is S.WAITING
        assert play.application.due == play.now + delay
        play.wait(delay)


def test_a_delayed_instance_is_asked_for_when_its_time_has_come() -> None:
    play = begun(a={"max_restarts": 1, "restart_delay": 10})
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.wait(9) == []
    assert [type(action) for action in play.wait(1)] == [Ask]
    assert play.states("a") == ["FAILED", "REQUESTED"]
    assert play.application.due is None


def test_who_ran_long_is_restarted_as_if_for_the_first_time() -> None:
    play = begun(a={"max_restarts": -1, "restart_delay": 10})
    for ran, delay in ((5, 10), (5, 20), (599, 40), (600, 10), (5, 20)):
        (given,) = play.allocate("a")
        play.now += ran - 1
        play.complete(given, 1)
        assert play.application.due == play.now + delay
        play.wait(delay)


def test_each_instance_has_its_own_delay() -> None:
    play = begun(a={"instances": 2, "max_restarts": -1, "restart_delay": 10})
    one, two = play.allocate("a", 2)
    play.complete(one, 1)
    play.wait(10)
    (one,) = play.allocate("a")
    play.complete(one, 1)
    assert play.application.due == play.now + 20
    play.complete(two, 1)
    assert play.application.due == play.now + 10


@pytest.mark.parametrize("code", [Exit.ABORTED, Exit.PREEMPTED])
def test_what_yarn_took_back_is_replaced_at_once(code: Exit) -> None:
    play = begun(a={"max_restarts": 1, "restart_delay": 10})
    (given,) = play.allocate("a")
    play.complete(given, code)
    assert play.asked == {"a": 1}
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.application.due == play.now + 10


def test_a_launch_that_fails_is_delayed_too() -> None:
    play = begun(a={"max_restarts": 1, "restart_delay": 10})
    (given,) = play.allocate("a")
    play.do(LaunchFailed(given.id, "no"))
    assert play.application.due == play.now + 10


def test_a_delayed_instance_is_active_and_ends_first() -> None:
    play = begun(a={"instances": 2, "max_restarts": 1, "restart_delay": 10})
    one, _ = play.allocate("a", 2)
    play.complete(one, 1)
    touched = play.ask(Scale(service="a", count=1)).containers
    assert [each.id for each in touched] == ["a_2"]
    assert play.states("a") == ["FAILED", "RUNNING", "KILLED"]
    assert play.application.due is None


def test_without_a_script_a_delayed_instance_keeps_the_application_alive() -> None:
    play = Scenario(application(a=service(max_restarts=1, restart_delay=10)))
    play.start()
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.finish is None

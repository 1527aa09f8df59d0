"""Restart delays, grace periods and readiness: what an application does at its time."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import Scenario, application, ended, requested, service
from yarnhub.appmaster.core.actions import Ask, Finish, Probe, Release, Resume, Signal, Stop
from yarnhub.appmaster.core.events import LaunchFailed, MasterScriptEnded, PortAnswered
from yarnhub.control.messages import (
    AddContainer,
    Container,
    ContainerState,
    DeleteKey,
    FinalStatus,
    GetKey,
    KillContainer,
    PutKey,
    Scale,
    Shutdown,
)
from yarnhub.control.messages import ContainerState as S
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit


def begun(**services: object) -> Scenario:
    play = Scenario(application("run", **{n: service(**f) for n, f in services.items()}))  # type: ignore[arg-type]  # fields of services
    play.start()
    return play


def report(play: Scenario, number: int = -1, name: str = "a") -> Container:
    """As clients are told, but without the time that asking takes."""
    return play.application.services[name].instances[number].report()


# --- restart delays


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


# --- grace periods


def test_a_kill_without_a_grace_period_is_at_once() -> None:
    play = begun(a={})
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    assert play.of(Stop) == [Stop(given)]
    assert play.of(Signal) == []


def test_a_killed_instance_is_asked_and_runs_until_it_has_ended() -> None:
    play = begun(a={"grace_period": 30})
    (given,) = play.allocate("a")
    play.ask(PutKey(key="k", value=b"", owner="a_0"))
    play.ask(KillContainer(id="a_0"))
    assert play.of(Signal) == [Signal(given)]
    assert report(play).state is S.RUNNING
    assert report(play).exit_message == "Asked to end by user request, within 30 s."
    play.ask(PutKey(key="last words", value=b"", owner="a_0"))
    assert play.ask(GetKey(key="k")).entries
    play.complete(given, 0)
    assert (report(play).state, report(play).exit_message) == (S.KILLED, "Killed by user request.")
    assert not play.ask(GetKey(key="k")).entries
    assert play.of(Stop) == []
    assert play.application.due is None


def test_whoever_does_not_listen_is_stopped_when_the_time_is_over() -> None:
    play = begun(a={"grace_period": 30})
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    assert play.wait(29) == []
    assert play.wait(1) == [Stop(given), Release(given.id)]
    assert report(play).state is S.KILLED
    assert report(play).exit_message == (
        "Killed by user request. It did not end within its grace period."
    )
    assert play.complete(given, Exit.ABORTED) == []


def test_a_second_kill_does_not_shorten_or_prolong_it() -> None:
    play = begun(a={"grace_period": 30})
    play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    due = play.application.due
    play.ask(KillContainer(id="a_0"))
    assert len(play.of(Signal)) == 1
    assert play.application.due == due


@pytest.mark.parametrize("code", [0, 1, 143, Exit.PREEMPTED, Exit.ABORTED])
def test_however_it_ends_it_was_killed_and_is_not_replaced(code: int) -> None:
    play = begun(a={"grace_period": 30, "max_restarts": -1})
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    play.complete(given, code)
    assert play.states() == ["KILLED"]
    assert play.finish is None


def test_one_that_could_not_be_started_is_not_replaced_when_it_was_killed() -> None:
    play = begun(a={"grace_period": 30, "max_restarts": -1})
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    play.do(LaunchFailed(given.id, "no"))
    assert play.states() == ["KILLED"]


def test_what_is_ending_does_not_count_when_scaling() -> None:
    play = begun(a={"grace_period": 30, "instances": 3})
    play.allocate("a", 3)
    assert [each.id for each in play.ask(Scale(service="a", count=2)).containers] == ["a_0"]
    assert play.ask(Scale(service="a", count=2)).containers == ()
    assert [each.id for each in play.ask(Scale(service="a", delta=-1)).containers] == ["a_1"]
    assert [each.id for each in play.ask(Scale(service="a", count=2)).containers] == ["a_3"]
    assert play.states("a") == ["RUNNING", "RUNNING", "RUNNING", "REQUESTED"]


def test_one_that_does_not_run_yet_is_killed_at_once() -> None:
    play = begun(a={"grace_period": 30}, b={"depends": {"a"}, "grace_period": 30})
    play.ask(KillContainer(id="a_0"))
    play.ask(KillContainer(id="b_0"))
    assert play.states() == ["KILLED", "KILLED"]


def test_an_application_ends_when_the_last_one_has() -> None:
    play = Scenario(application(a=service(grace_period=30)))
    play.start()
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    assert play.finish is None
    play.complete(given, 0)
    assert play.finish is not None


def test_a_shutdown_waits_for_those_with_a_grace_period() -> None:
    play = begun(a={"grace_period": 30, "instances": 2}, b={}, c={"instances": 0})
    one, two = play.allocate("a", 2)
    (other,) = play.allocate("b")
    play.ask(Shutdown(diagnostics="enough"))
    assert play.of(Signal) == [Signal(one), Signal(two)]
    assert play.of(Stop) == [Stop(other)]
    assert not play.application.over
    # Clients are answered meanwhile, but nothing new begins.
    play.ask(PutKey(key="state", value=b"saved"))
    for request in (AddContainer(service="c"), Scale(service="c", count=1)):
        assert play.refusal(request).code == "ended"
    play.complete(one, 0)
    assert play.finish is None
    assert play.complete(two, 1) == [Finish(FinalStatus.SUCCEEDED, requested("enough"))]
    assert play.refusal(PutKey(key="state", value=b"late")).code == "ended"
    assert play.ask(GetKey(key="state")).entries[0].value == b"saved"


def states(play: Scenario) -> list[S]:
    return [each.state for one in play.application.services.values() for each in one.instances]


def test_a_shutdown_is_over_when_the_time_is() -> None:
    play = begun(a={"grace_period": 30})
    (given,) = play.allocate("a")
    play.ask(Shutdown())
    assert play.wait(30) == [
        Stop(given),
        Release(given.id),
        Finish(FinalStatus.SUCCEEDED, requested("")),
    ]
    assert states(play) == [S.KILLED]


def test_what_is_not_there_yet_is_not_waited_for() -> None:
    play = begun(a={"grace_period": 30}, b={"depends": {"a"}, "grace_period": 30})
    assert report(play).state is ContainerState.REQUESTED
    assert report(play, name="b").state is ContainerState.WAITING
    play.ask(Shutdown())
    assert play.finish == Finish(FinalStatus.SUCCEEDED, requested(""))
    assert play.launched == []


def test_every_end_is_graceful_and_the_first_one_stands() -> None:
    play = begun(a={"grace_period": 30}, b={})
    (given,) = play.allocate("a")
    (other,) = play.allocate("b")
    play.complete(other, 1)
    play.do(MasterScriptEnded(0))
    assert play.of(Signal) == [Signal(given)]
    play.complete(given, 0)
    assert play.finish is not None
    assert play.finish.status is FinalStatus.FAILED
    assert "b_0" in play.finish.diagnostics


def test_what_fails_while_the_application_ends_is_not_replaced() -> None:
    play = begun(a={"grace_period": 30}, b={"max_restarts": -1, "grace_period": 5})
    play.allocate("a")
    (other,) = play.allocate("b")
    play.ask(Shutdown())
    play.complete(other, 1)
    assert states(play) == [S.RUNNING, S.KILLED]


def test_a_container_that_comes_while_the_application_ends_is_given_back() -> None:
    play = begun(a={"grace_period": 30, "instances": 2})
    play.allocate("a")
    late = play.container("a")
    play.ask(Shutdown())
    assert play.heartbeat(late) == [Release(late.id)]


# --- readiness


def test_without_a_condition_an_instance_is_ready_when_it_has_its_container() -> None:
    play = begun(a={})
    assert not report(play).ready
    (given,) = play.allocate("a")
    assert report(play).ready
    play.complete(given)
    assert not report(play).ready


def test_dependents_wait_for_a_key() -> None:
    play = begun(a={"ready": {"key": "up"}}, b={"depends": {"a"}})
    play.allocate("a")
    assert (report(play).ready, play.states("b")) == (False, ["WAITING"])
    play.ask(PutKey(key="other", value=b""))
    assert play.states("b") == ["WAITING"]
    play.ask(PutKey(key="up", value=b""))
    assert (report(play).ready, play.states("b")) == (True, ["REQUESTED"])


def test_a_key_that_is_set_before_counts() -> None:
    play = begun(a={"ready": {"key": "up"}})
    play.ask(PutKey(key="up", value=b""))
    assert not report(play).ready
    play.allocate("a")
    assert report(play).ready


@pytest.mark.parametrize(
    ("key", "second"),
    [
        ("up/{instance}", "up/1"),
        ("{container_id}.up", "a_1.up"),
        ("{instance}{container_id}", "1a_1"),
    ],
)
def test_a_key_may_be_the_instances_own(key: str, second: str) -> None:
    play = begun(a={"instances": 2, "ready": {"key": key}}, b={"depends": {"a"}})
    play.allocate("a", 2)
    play.ask(PutKey(key=second, value=b""))
    assert [report(play, 0).ready, report(play, 1).ready] == [False, True]
    assert play.states("b") == ["WAITING"]
    play.ask(PutKey(key=second.replace("1", "0"), value=b""))
    assert play.states("b") == ["REQUESTED"]


def test_an_instance_stays_ready() -> None:
    play = begun(a={"ready": {"key": "up"}})
    play.allocate("a")
    play.ask(PutKey(key="up", value=b""))
    play.ask(DeleteKey(key="up"))
    assert report(play).ready


def test_a_port_is_looked_at_ever_less_often_until_it_answers() -> None:
    play = begun(a={"ready": {"port": 8888}}, b={"depends": {"a"}})
    (given,) = play.allocate("a")
    pauses = []
    for _ in range(14):
        assert play.of(Probe)[-1] == Probe(given, 8888)
        assert play.application.due is not None
        pauses.append(play.application.due - play.now)
        play.wait(pauses[-1])
    assert pauses[0] == 0.25
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5
    assert len(play.of(Probe)) == 15
    play.do(PortAnswered(given.id))
    assert report(play).ready
    assert play.states("b") == ["REQUESTED"]
    assert play.application.due is None


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    play = begun(a={"ready": {"port": 8888}, "grace_period": 30})
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    due = play.application.due
    play.do(PortAnswered(given.id))
    assert (report(play).ready, play.application.due) == (False, due)
    play.complete(given)
    assert play.do(PortAnswered(given.id)) == []


def test_the_one_that_replaces_a_failed_one_is_waited_for() -> None:
    play = begun(a={"ready": {"key": "{container_id}"}, "max_restarts": 1}, b={"depends": {"a"}})
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.states("b") == ["WAITING"]
    play.allocate("a")
    assert play.states("b") == ["WAITING"]
    play.ask(PutKey(key="a_1", value=b""))
    assert play.states("b") == ["REQUESTED"]


@pytest.mark.parametrize("code", [0, 1])
def test_one_that_ended_for_good_is_not_waited_for(code: int) -> None:
    play = begun(a={"ready": {"key": "up"}, "allow_failures": True}, b={"depends": {"a"}})
    (given,) = play.allocate("a")
    play.complete(given, code)
    assert play.states("b") == ["REQUESTED"]


def test_one_that_was_added_meanwhile_is_not_waited_for() -> None:
    play = begun(a={"ready": {"key": "{container_id}"}}, b={"depends": {"a"}})
    play.ask(AddContainer(service="a"))
    play.allocate("a", 2)
    play.ask(PutKey(key="a_0", value=b""))
    assert play.states("b") == ["REQUESTED"]


def test_a_service_that_begins_with_none_is_ready_with_the_first_that_is() -> None:
    play = begun(a={"instances": 0, "ready": {"key": "up"}}, b={"depends": {"a"}})
    play.ask(Scale(service="a", count=2))
    play.allocate("a", 1)
    assert play.states("b") == ["WAITING"]
    play.ask(PutKey(key="up", value=b""))
    assert play.states("b") == ["REQUESTED"]


def test_several_things_are_done_at_once_when_their_time_has_come() -> None:
    play = begun(a={"grace_period": 5, "instances": 2})
    one, two = play.allocate("a", 2)
    play.ask(KillContainer(id="a_0"))
    play.ask(KillContainer(id="a_1"))
    play.heartbeat(ended(one))
    assert play.wait(60) == [Stop(two), Release(two.id)]


# --- another process goes on


def test_a_delay_goes_on() -> None:
    play = begun(a={"max_restarts": -1, "restart_delay": 10})
    (given,) = play.allocate("a")
    play.complete(given, 1)
    due = play.application.due
    play.restart()
    assert play.application.due == due
    play.wait(10)
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.application.due == play.now + 20


def test_a_grace_period_goes_on_and_the_container_is_asked_once_more() -> None:
    play = begun(a={"grace_period": 30})
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    due = play.application.due
    assert play.restart(given)[0] == Signal(given)
    assert play.application.due == due
    assert play.wait(30) == [Stop(given), Release(given.id)]


def test_an_end_that_waits_for_a_grace_period_goes_on() -> None:
    play = begun(a={"grace_period": 30}, b={"max_restarts": -1})
    (given,) = play.allocate("a")
    play.ask(Shutdown(diagnostics="enough"))
    play.restart(given)
    assert not play.of(Resume)
    assert play.refusal(AddContainer(service="b")).code == "ended"
    assert play.complete(given, 0) == [Finish(FinalStatus.SUCCEEDED, requested("enough"))]
    assert play.application.over
    play.restart()
    assert play.application.over


def test_a_port_is_looked_at_further() -> None:
    play = begun(a={"ready": {"port": 8888}})
    (given,) = play.allocate("a")
    looks = len(play.of(Probe))
    play.restart(given)
    play.wait(5)
    assert len(play.of(Probe)) > looks
    play.do(PortAnswered(given.id))
    play.restart(given)
    assert report(play).ready
    assert play.application.due is None


def test_a_service_that_was_ready_stays_so() -> None:
    play = begun(a={"ready": {"key": "{container_id}"}, "max_restarts": 1}, b={"depends": {"a"}})
    (given,) = play.allocate("a")
    play.ask(PutKey(key="a_0", value=b""))
    play.complete(given, 1)
    play.restart()
    added = play.ask(AddContainer(service="b"))
    assert added.state is S.REQUESTED

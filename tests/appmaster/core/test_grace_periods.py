"""Instances that are given time to end."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import Scenario, application, begun, report, requested, service
from yarnhub.appmaster.core.actions import Finish, Release, Signal, Stop
from yarnhub.appmaster.core.events import LaunchFailed, MasterScriptEnded
from yarnhub.control.messages import (
    AddContainer,
    ContainerState,
    FinalStatus,
    GetKey,
    KillContainer,
    PutKey,
    Scale,
    Shutdown,
)
from yarnhub.control.messages import ContainerState as S
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit


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

"""Services that clients scale, and instances that they kill."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import (
    OVER,
    START,
    Scenario,
    application,
    service,
)
from yarnhub.appmaster.core.actions import Finish, Stop
from yarnhub.control.messages import ContainerState as S
from yarnhub.control.messages import (
    FinalStatus,
    GetContainers,
    KillContainer,
    Nothing,
    Scale,
    ServiceContainer,
)
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit


def test_scaling_up_asks_for_the_difference_and_tells_what_was_added() -> None:
    play = Scenario(application(a=service()))
    play.start()
    touched = play.ask(Scale(service="a", count=3)).containers
    assert [(each.id, each.state) for each in touched] == [
        ("a_1", S.REQUESTED),
        ("a_2", S.REQUESTED),
    ]
    assert play.asked["a"] == 3


def test_scaling_down_ends_what_costs_least_first() -> None:
    play = Scenario(application(a=service(instances=0), b=service(depends={"a"}, instances=0)))
    play.start()
    play.ask(Scale(service="a", count=2))
    play.allocate("a", 2)
    play.ask(Scale(service="a", count=4))
    touched = play.ask(Scale(service="a", count=1)).containers
    # REQUESTED before RUNNING, and of each the oldest first.
    assert [each.id for each in touched] == ["a_2", "a_3", "a_0"]
    assert all(each.state is S.KILLED for each in touched)
    assert play.states("a") == ["KILLED", "RUNNING", "KILLED", "KILLED"]


def test_waiting_instances_go_before_all_others() -> None:
    play = Scenario(application("run", a=service(instances=0), b=service(depends={"a"})))
    play.start()
    touched = play.ask(Scale(service="b", delta=-1)).containers
    assert [(each.id, each.exit_message) for each in touched] == [
        ("b_0", "Killed by user request.")
    ]
    assert play.asked == {}


@pytest.mark.parametrize(
    ("change", "active"),
    [
        ({"delta": 2}, 4),
        ({"delta": -1}, 1),
        ({"delta": -9}, 0),
        ({"delta": 0}, 2),
        ({"count": 2}, 2),
        ({"count": 0}, 0),
    ],
)
def test_scaling_by_and_to(change: dict[str, int], active: int) -> None:
    play = Scenario(application("run", a=service(instances=2)))
    play.start()
    touched = play.ask(Scale(service="a", **change)).containers
    assert len(touched) == abs(2 - active)
    assert len(play.ask(GetContainers()).containers) == active
    assert play.asked["a"] == active


def test_scaling_to_zero_ends_an_application_without_a_script() -> None:
    play = Scenario(application(a=service()))
    play.start()
    play.ask(Scale(service="a", count=0))
    assert play.finish == Finish(FinalStatus.SUCCEEDED, OVER)


def test_ended_instances_do_not_count_when_scaling() -> None:
    play = Scenario(application("run", a=service(instances=2)))
    play.start()
    one, _ = play.allocate("a", 2)
    play.complete(one)
    assert [each.id for each in play.ask(Scale(service="a", count=2)).containers] == ["a_2"]


def test_killing_a_requested_instance_takes_its_request_back() -> None:
    play = Scenario(application("run", a=service(instances=2)))
    play.start()
    assert play.ask(KillContainer(id="a_1")) == Nothing()
    assert play.asked["a"] == 1
    assert play.states("a") == ["REQUESTED", "KILLED"]
    assert play.of(Stop) == []


def test_killing_a_running_instance_stops_and_releases_its_container() -> None:
    play = Scenario(application("run", a=service(max_restarts=-1)))
    play.start()
    (given,) = play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    assert play.of(Stop) == [Stop(given)]
    assert play.released == [given.id]
    # It was wished for: nothing takes its place.
    assert play.complete(given, Exit.ABORTED.value) == []
    assert play.states("a") == ["KILLED"]


def test_killing_twice_is_no_error() -> None:
    play = Scenario(application("run", a=service()))
    play.start()
    play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    assert play.ask(KillContainer(id="a_0")) == Nothing()
    assert len(play.of(Stop)) == 1


def test_killing_the_last_instance_ends_the_application() -> None:
    play = Scenario(application(a=service()))
    play.start()
    play.allocate("a")
    play.ask(KillContainer(id="a_0"))
    assert play.finish == Finish(FinalStatus.SUCCEEDED, OVER)


def test_a_killed_instance_tells_when_and_why_it_ended() -> None:
    play = Scenario(application("run", a=service()))
    play.start()
    play.ask(KillContainer(id="a_0"))
    (found,) = play.ask(GetContainers(states=None)).containers
    assert found == ServiceContainer(
        service_name="a",
        instance=0,
        state=S.KILLED,
        finish_time=START + 2,
        exit_message="Killed by user request.",
        outcome=Outcome(cause=Cause.KILLED_BY_USER),
    )

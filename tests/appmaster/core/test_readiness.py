"""When an instance counts as ready, and what of its time another process goes on with."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import begun, ended, report, requested
from yarnhub.appmaster.core.actions import Finish, Probe, Release, Resume, Signal, Stop
from yarnhub.appmaster.core.events import PortAnswered
from yarnhub.control.messages import (
    AddContainer,
    DeleteKey,
    FinalStatus,
    KillContainer,
    PutKey,
    Scale,
    Shutdown,
)
from yarnhub.control.messages import ContainerState as S


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

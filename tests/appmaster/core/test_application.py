from __future__ import annotations

import pytest

from appmaster.core.scenario import (
    OVER,
    START,
    Scenario,
    application,
    container,
    ended,
    requested,
    service,
)
from yarnhub.appmaster.core.actions import Ask, Finish, Launch, Reply
from yarnhub.appmaster.core.events import (
    Asked,
    LaunchFailed,
    MasterScriptEnded,
    Refused,
    Resynced,
    Started,
    Withdrawn,
)
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    AddContainer,
    Entries,
    Entry,
    Failure,
    FinalStatus,
    GetContainers,
    GetKey,
    GetPages,
    GetSpecification,
    KillContainer,
    ListKeys,
    Nothing,
    PutKey,
    Scale,
    ServiceContainer,
    Shutdown,
    WaitKey,
)
from yarnhub.control.messages import ContainerState as S
from yarnhub.control.outcomes import Cause, Outcome, Subject

# --- start


def test_nothing_is_asked_before_the_start() -> None:
    play = Scenario(application(a=service(instances=2)))
    assert play.heartbeat() == []
    assert play.start() == [play.of(Ask)[0]]
    assert play.asked == {"a": 2}
    assert play.states() == ["REQUESTED", "REQUESTED"]


def test_each_service_has_a_priority_of_its_own() -> None:
    play = Scenario(application(a=service(), b=service(instances=3)))
    play.start()
    assert play.asked == {"a": 1, "b": 3}
    assert [each.priority for each in play.application.services.values()] == [1, 2]
    play.heartbeat(container(2, 2))
    assert play.launched == ["b_0"]


def test_an_allocated_container_is_launched_with_the_instances_variables() -> None:
    play = Scenario(application(a=service(instances=0, env={"X": "1"})))
    play.start()
    play.ask(AddContainer(service="a", env={"Y": "2"}))
    (given,) = play.allocate("a")
    assert play.of(Launch) == [Launch(given, "a", 0, {"Y": "2"})]


def test_a_report_has_all_that_is_known_of_an_instance() -> None:
    play = Scenario(application(a=service()))
    play.start()
    (given,) = play.allocate("a")
    play.complete(given, 3)
    # complete() ended the application: the report is the service's own
    (instance,) = play.application.services["a"].instances
    assert instance.report() == ServiceContainer(
        service_name="a",
        instance=0,
        state=S.FAILED,
        yarn_container_id=str(given.id),
        yarn_node_http_address="node-1:8042",
        start_time=START + 2,
        finish_time=START + 3,
        exit_message="Exit code 3: its program failed, see its log.",
        outcome=Outcome(cause=Cause.FAILED, exit_code=3),
    )


def test_all_services_done_ends_the_application() -> None:
    play = Scenario(application(a=service(), b=service()))
    play.start()
    (a,), (b,) = play.allocate("a"), play.allocate("b")
    assert play.complete(a) == []
    assert play.complete(b) == [Finish(FinalStatus.SUCCEEDED, OVER)]


def test_a_script_beside_the_services_is_waited_for() -> None:
    play = Scenario(application("sleep 1", a=service()))
    play.start()
    (given,) = play.allocate("a")
    assert play.complete(given) == []
    assert play.do(MasterScriptEnded(0))[-1] == Finish(
        FinalStatus.SUCCEEDED, Outcome.of_code(0, subject=Subject.SCRIPT)
    )


def test_services_that_begin_with_no_instance_wait_to_be_scaled_up() -> None:
    play = Scenario(application(a=service(instances=0), b=service(instances=0)))
    assert play.start() == []
    assert play.heartbeat() == []
    play.ask(Scale(service="a", count=1))
    (given,) = play.allocate("a")
    assert play.complete(given) == [Finish(FinalStatus.SUCCEEDED, OVER)]


# --- dependencies


def test_a_service_waits_until_all_instances_it_depends_on_have_begun() -> None:
    play = Scenario(
        application(a=service(instances=2), b=service(depends={"a"}), c=service(depends={"b"}))
    )
    play.start()
    assert play.asked == {"a": 2}
    play.allocate("a")
    assert play.states("b") == ["WAITING"]
    play.allocate("a")
    assert play.states("b") == ["REQUESTED"]
    assert play.states("c") == ["WAITING"]
    assert play.asked == {"a": 0, "b": 1}
    play.allocate("b")
    assert play.asked == {"a": 0, "b": 0, "c": 1}


def test_all_dependencies_are_waited_for() -> None:
    play = Scenario(application(a=service(), b=service(), c=service(depends={"a", "b"})))
    play.start()
    play.allocate("b")
    assert play.states("c") == ["WAITING"]
    play.allocate("a")
    assert play.states("c") == ["REQUESTED"]


def test_a_dependency_that_has_ended_already_has_begun() -> None:
    play = Scenario(application(a=service(), b=service(depends={"a"})))
    play.start()
    given = play.container("a")
    play.heartbeat(given, ended(given))
    assert play.states("b") == ["REQUESTED"]
    assert play.finish is None


def test_a_dependency_without_instances_holds_its_dependents() -> None:
    play = Scenario(application(a=service(instances=0), b=service(depends={"a"})))
    play.start()
    assert play.states("b") == ["WAITING"]
    play.ask(Scale(service="a", count=1))
    play.allocate("a")
    assert play.states("b") == ["REQUESTED"]


def test_scaling_a_dependency_down_does_not_hold_its_dependents_for_ever() -> None:
    play = Scenario(application(a=service(instances=2), b=service(depends={"a"})))
    play.start()
    play.allocate("a")
    play.ask(Scale(service="a", count=1))
    assert play.states("a") == ["RUNNING", "KILLED"]
    assert play.states("b") == ["REQUESTED"]


def test_scaling_up_before_the_dependency_began_waits_too() -> None:
    play = Scenario(application(a=service(), b=service(depends={"a"})))
    play.start()
    play.ask(Scale(service="b", count=3))
    assert play.states("b") == ["WAITING"] * 3
    play.allocate("a")
    assert play.asked["b"] == 3


def test_a_service_that_has_started_stays_so() -> None:
    play = Scenario(
        application("run", a=service(allow_failures=True), b=service(depends={"a"}, instances=0))
    )
    play.start()
    (given,) = play.allocate("a")
    play.ask(Scale(service="a", count=2))
    play.ask(KillContainer(id="a_1"))
    play.complete(given, 1)
    play.ask(AddContainer(service="b"))
    assert play.states("b") == ["REQUESTED"]


# --- the master's script, and ends


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (0, FinalStatus.SUCCEEDED, "completed successfully"),
        (1, FinalStatus.FAILED, "failed with exit code 1, see its log application.driver.log"),
        (143, FinalStatus.FAILED, "memory limit"),
        (137, FinalStatus.FAILED, "exit code 137"),
    ],
)
def test_the_script_decides_the_end(code: int, status: FinalStatus, words: str) -> None:
    play = Scenario(application("run", a=service()))
    play.start()
    play.allocate("a")
    play.do(MasterScriptEnded(code))
    assert play.finish is not None
    assert play.finish.status is status
    assert words in play.finish.diagnostics


def test_a_script_may_end_before_the_registration() -> None:
    play = Scenario(application("run", a=service()))
    play.do(MasterScriptEnded(0))
    assert play.finish is not None
    assert play.start() == []
    assert play.asked == {}


def test_a_failed_service_ends_the_application_before_its_script() -> None:
    play = Scenario(application("run", a=service()))
    play.start()
    (given,) = play.allocate("a")
    play.complete(given, 1)
    assert play.finish is not None
    assert play.finish.status is FinalStatus.FAILED


def test_the_last_words_of_an_application_are_cut_and_cleaned() -> None:
    play = Scenario(application(a=service()))
    play.start()
    diagnostics = "\x1b[2Jall is lost" + "x" * 5_000_000
    play.ask(Shutdown(status=FinalStatus.FAILED, diagnostics=diagnostics))
    (finish,) = [each for each in play.history if isinstance(each, Finish)]
    assert finish.diagnostics.startswith("all is lost")
    assert len(finish.diagnostics) == 4096


def test_shutdown_is_answered_and_ends_the_application() -> None:
    play = Scenario(application(a=service()))
    play.start()
    number = play.request(Shutdown(status=FinalStatus.KILLED, diagnostics="enough"))
    assert play.history[-2:] == [
        Reply(number, Nothing()),
        Finish(FinalStatus.KILLED, requested("enough")),
    ]


def test_the_first_end_stands() -> None:
    play = Scenario(application(a=service()))
    play.start()
    play.ask(Shutdown(diagnostics="first"))
    play.do(MasterScriptEnded(1))
    assert play.ask(Shutdown(diagnostics="second")) == Nothing()
    assert play.finish == Finish(FinalStatus.SUCCEEDED, requested("first"))


def test_while_the_end_is_told_reads_are_answered_and_it_is_taken_as_done() -> None:
    play = Scenario(application(a=service()))
    play.start()
    play.allocate("a")
    play.ask(PutKey(key="k", value=b"v"))
    play.ask(Shutdown())
    assert play.application.over
    assert play.states() == ["RUNNING"]
    assert play.ask(ListKeys()).keys == ("k",)
    assert play.ask(GetKey(key="k")).entries[0].value == b"v"
    assert play.ask(WaitKey(key="k")).entries[0].value == b"v"
    assert play.ask(GetSpecification()).document == "the document"
    assert play.ask(GetPages()).pages == ()
    assert play.ask(Shutdown()) == play.ask(KillContainer(id="a_0")) == Nothing()
    assert play.refusal(GetContainers(services=("b",))).code == "invalid"
    for late in (PutKey(key="k", value=b""), Scale(service="a", count=2), WaitKey(key="other")):
        assert play.refusal(late) == Failure(FailureCode.ENDED, "the application is ending")
    assert len(play.of(Finish)) == 1


def test_after_the_end_only_replies_follow() -> None:
    play = Scenario(application(a=service(instances=2)))
    play.start()
    (given,) = play.allocate("a")
    play.ask(Shutdown())
    assert play.heartbeat(play.container("a"), ended(given, 1)) == []
    assert play.do(LaunchFailed(given.id, "late")) == []
    assert play.do(Resynced()) == []
    assert play.do(Started()) == []
    assert play.do(Asked(77, WaitKey(key="k"))) == [
        Reply(77, Failure(FailureCode.ENDED, "the application is ending"))
    ]


def test_what_yarn_refuses_ends_the_application_with_its_words() -> None:
    play = Scenario(application(a=service()))
    play.start()
    assert play.do(Refused("no such label")) == [
        Finish(
            FinalStatus.FAILED,
            Outcome(cause=Cause.REFUSED, subject=Subject.APPLICATION, raw="no such label"),
        )
    ]


# --- what was asked has to be asked again


def test_after_a_resync_all_is_asked_again() -> None:
    play = Scenario(application("run", a=service(instances=3), b=service(), c=service()))
    play.start()
    play.allocate("a")
    play.allocate("c")
    before = dict(play.asked)
    play.asked.clear()
    assert len(play.do(Resynced())) == 3
    # What is not wanted any more is told too: the scheduler may have missed that it is not.
    assert play.asked == {"a": 2, "b": 1, "c": 0}
    assert before == {"a": 2, "b": 1, "c": 0}
    assert play.heartbeat() == []


def test_asks_are_sent_only_when_they_change() -> None:
    play = Scenario(application(a=service(instances=2)))
    play.start()
    play.allocate("a")
    assert len(play.of(Ask)) == 1, "YARN counts off what it gives by itself"


# --- keys that are waited for, and owned ones


def test_waiting_for_a_key_that_is_set_is_answered_at_once() -> None:
    play = Scenario(application(a=service()))
    play.ask(PutKey(key="k", value=b"v"))
    assert play.ask(WaitKey(key="k")) == Entries(entries=(Entry(key="k", value=b"v"),))


def test_all_who_wait_are_answered_when_the_key_is_set_and_only_then() -> None:
    play = Scenario(application(a=service()))
    one, two, other = (play.request(WaitKey(key=key)) for key in ("k", "k", "other"))
    play.ask(PutKey(key="x", value=b""))
    assert play.replies(one) == []
    play.ask(PutKey(key="k", value=b"v"))
    play.ask(PutKey(key="k", value=b"w"))
    expected = [Entries(entries=(Entry(key="k", value=b"v"),))]
    assert play.replies(one) == play.replies(two) == expected
    assert play.replies(other) == []


def test_who_no_longer_waits_is_not_answered() -> None:
    play = Scenario(application(a=service()))
    number = play.request(WaitKey(key="k"))
    play.do(Withdrawn(number))
    play.do(Withdrawn(number))
    play.ask(PutKey(key="k", value=b"v"))
    assert play.replies(number) == []


def test_who_waits_when_the_application_ends_is_told() -> None:
    play = Scenario(application(a=service()))
    number = play.request(WaitKey(key="k"))
    play.ask(Shutdown())
    assert play.replies(number) == [Failure(FailureCode.ENDED, "the application is ending")]
    assert isinstance(play.history[-1], Finish)


@pytest.mark.parametrize("how", ["ended", "failed", "killed", "launch", "requested"])
def test_owned_keys_vanish_with_their_container(how: str) -> None:
    play = Scenario(application("run", a=service(instances=2, allow_failures=True)))
    play.start()
    given = None if how == "requested" else play.allocate("a", 2)[0]
    play.ask(PutKey(key="mine", value=b"1", owner="a_0"))
    play.ask(PutKey(key="mine too", value=b"2", owner="a_0"))
    play.ask(PutKey(key="other", value=b"3", owner="a_1"))
    play.ask(PutKey(key="free", value=b"4"))
    if how == "ended" and given:
        play.complete(given)
    elif how == "failed" and given:
        play.complete(given, 1)
    elif how == "launch" and given:
        play.do(LaunchFailed(given.id, "no"))
    else:
        play.ask(KillContainer(id="a_0"))
    assert play.ask(ListKeys()).keys == ("free", "other")


def test_a_key_that_got_another_owner_stays() -> None:
    play = Scenario(application("run", a=service(instances=2)))
    play.start()
    play.ask(PutKey(key="k", value=b"1", owner="a_0"))
    play.ask(PutKey(key="k", value=b"2", owner="a_1"))
    play.ask(KillContainer(id="a_0"))
    assert play.ask(GetKey(key="k")).entries == (Entry(key="k", value=b"2", owner="a_1"),)

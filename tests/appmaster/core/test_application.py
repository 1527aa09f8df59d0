from __future__ import annotations

import pytest

from appmaster.core.scenario import (
    OVER,
    START,
    Scenario,
    application,
    container,
    container_id,
    ended,
    requested,
    service,
)
from yarnhub.appmaster.core.actions import Ask, Finish, Launch, Release, Reply, Stop
from yarnhub.appmaster.core.events import (
    Asked,
    LaunchFailed,
    MasterScriptEnded,
    Refused,
    Resynced,
    Started,
    Withdrawn,
)
from yarnhub.control.messages import (
    AddContainer,
    Container,
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
    Shutdown,
    WaitKey,
)
from yarnhub.control.messages import ContainerState as S
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit
from yarnhub.yarn.records.containers import ContainerStatus

LOST = (
    Exit.ABORTED,
    Exit.DISKS_FAILED,
    Exit.PREEMPTED,
    Exit.KILLED_BY_RESOURCEMANAGER,
    Exit.KILLED_BY_CONTAINER_SCHEDULER,
)


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
    assert instance.report() == Container(
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


# --- restarts and failures


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


# --- launches


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


# --- what YARN gives too much


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


# --- scaling


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


# --- kills


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
    assert found == Container(
        service_name="a",
        instance=0,
        state=S.KILLED,
        finish_time=START + 2,
        exit_message="Killed by user request.",
        outcome=Outcome(cause=Cause.KILLED_BY_USER),
    )


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
        assert play.refusal(late) == Failure("ended", "the application is ending")
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
        Reply(77, Failure("ended", "the application is ending"))
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
    assert play.replies(number) == [Failure("ended", "the application is ending")]
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

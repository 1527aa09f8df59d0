"""What YARN tells of an end becomes an outcome; the words for it stay what users know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.control import json
from yarnhub.control.messages import Containers, without_outcomes
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.control.words import brief, describe
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit
from yarnhub.yarn.records.containers import ContainerStatus


def of(code: int, diagnostics: str = "") -> Outcome:
    return Outcome.of_container(ContainerStatus(exit_status=code, diagnostics=diagnostics))


@pytest.mark.parametrize("code", list(Exit), ids=lambda each: each.name)
def test_every_status_of_yarn_is_a_cause_in_words(code: Exit) -> None:
    outcome = of(code)
    if code is Exit.SUCCESS:
        assert describe(outcome) == "Completed successfully."
    else:
        assert outcome.cause is not Cause.FAILED
        assert describe(outcome).startswith(f"Exit code {code.value}: ")


KILLED = (
    "[2026-11-29 12:29:43.512]Container [pid=7,containerID=container_1_0001_01_000002] is running "
    "1024B beyond the '{}' memory limit. Current usage: 513 MB of 512 MB physical memory used; "
    "2 GB of 1.1 GB virtual memory used. Killing container.\n[...]Exception from container-launch"
)


@pytest.mark.parametrize("code", [0, 1, 143])
@pytest.mark.parametrize(
    ("limit", "cause"), [("PHYSICAL", Cause.MEMORY), ("VIRTUAL", Cause.VIRTUAL_MEMORY)]
)
def test_a_program_that_ends_when_yarn_kills_it_was_killed(
    code: int, limit: str, cause: Cause
) -> None:
    assert of(code, KILLED.format(limit)).cause is cause
    written = f"[...]Exception from container-launch. Last bytes of stderr: {KILLED}"
    assert of(code, written.format(limit)).cause is not cause, "by the program itself"


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        (1, Cause.FAILED, "its program failed, see its log"),
        (255, Cause.FAILED, "its program failed, see its log"),
        (126, Cause.NOT_EXECUTABLE, "could not be executed"),
        (127, Cause.NOT_FOUND, "not found"),
        (130, Cause.SIGNAL, "signal 2"),
        (134, Cause.SIGNAL, "signal 6"),
        (137, Cause.SIGNAL, "out of memory"),
        (139, Cause.SIGNAL, "signal 11"),
        (143, Cause.SIGNAL, "terminated (signal 15)"),
        (154, Cause.LOST_TRACK, "could not determine how it ended"),
        (128, Cause.FAILED, "its program failed"),
        (Exit.KILLED_EXCEEDED_PMEM, Cause.MEMORY, "more memory than it requested"),
        (Exit.KILLED_EXCEEDED_VMEM, Cause.VIRTUAL_MEMORY, "more virtual memory"),
        (Exit.KILLED_FOR_EXCESS_LOGS, Cause.EXCESS_LOGS, "more logs"),
        (Exit.PREEMPTED, Cause.PREEMPTED, "for another queue (preempted)"),
        (Exit.ABORTED, Cause.NODE_LOST, "its node was lost or it was released"),
        (Exit.INVALID, Cause.NOT_LOCALIZED, "localized"),
        (-7, Cause.FAILED, "its program failed"),
    ],
)
def test_codes_in_plain_words(code: int, cause: Cause, words: str) -> None:
    outcome = of(code)
    assert (outcome.cause, outcome.exit_code) == (cause, code)
    assert words in describe(outcome)


def test_a_signal_is_told_apart_from_a_code() -> None:
    assert of(137).signal == 9
    assert of(127).signal is None
    assert of(3).signal is None


def test_only_what_says_nothing_of_the_program_is_not_its_fault() -> None:
    assert {code for code in Exit if of(code).cause.blameless} == {
        Exit.ABORTED,
        Exit.DISKS_FAILED,
        Exit.PREEMPTED,
        Exit.KILLED_BY_RESOURCEMANAGER,
        Exit.KILLED_BY_CONTAINER_SCHEDULER,
    }


def test_the_diagnostics_follow_on_one_line_without_the_java_stack() -> None:
    text = (
        "\n[2024-01-01]Exception from container-launch.\n  Container id: c\nStack trace: x\n"
        "\tat org.apache.Some(Some.java:1)\nat once\n\nLast 4096 bytes of stderr :\nboom\n"
    )
    outcome = of(1, text)
    assert outcome.raw == (
        "[2024-01-01]Exception from container-launch. Container id: c "
        "Last 4096 bytes of stderr : boom"
    )
    assert describe(outcome) == (
        f"Exit code 1: its program failed, see its log. YARN's diagnostics: {outcome.raw}"
    )
    assert brief(outcome) == "Exit code 1: its program failed, see its log."


def test_long_diagnostics_are_cut() -> None:
    found = describe(of(1, "z" * 600))
    assert found.endswith("z...")
    assert found.count("z") == 497


def test_what_others_say_is_bounded_and_cleaned() -> None:
    outcome = Outcome(cause=Cause.NOT_STARTED, raw="no\x1b[31m route\x07" + "x" * 10_000)
    assert outcome.raw.startswith("no routex")
    assert len(outcome.raw) <= 4096


def test_a_success_has_no_diagnostics() -> None:
    assert of(0, "noise") == Outcome(cause=Cause.FINISHED, exit_code=0)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(cause=Cause.NOT_STARTED, raw="no route"), "Could not be started: no route"),
        (
            Outcome(cause=Cause.STOPPING, grace=30.0),
            "Asked to end by user request, within 30 s.",
        ),
        (Outcome(cause=Cause.KILLED_BY_USER), "Killed by user request."),
        (
            Outcome(cause=Cause.KILLED_BY_USER, grace=30.0),
            "Killed by user request. It did not end within its grace period.",
        ),
        (
            Outcome(cause=Cause.REFUSED, subject=Subject.APPLICATION, raw="too much"),
            "YARN refused the request: too much",
        ),
        (
            Outcome(cause=Cause.REQUESTED, subject=Subject.APPLICATION, raw="done"),
            "done",
        ),
        (
            Outcome(cause=Cause.FINISHED, subject=Subject.APPLICATION),
            "All services have completed successfully.",
        ),
        (Outcome(cause=Cause.FORGOTTEN), "YARN no longer has a record of it."),
        (
            Outcome.of_code(0, subject=Subject.SCRIPT),
            "The master's script completed successfully.",
        ),
        (
            Outcome.of_code(127, subject=Subject.SCRIPT),
            "The master's script failed with exit code 127, see its log application.driver.log.",
        ),
        (
            Outcome.of_code(143, subject=Subject.SCRIPT),
            (
                "The master's script was terminated (signal 15): it was killed from outside, or "
                "the container exceeded its memory limit (master.resources.memory)."
            ),
        ),
        (
            Outcome(cause=Cause.UNKNOWN, raw="Exit code 3: what an older version wrote."),
            "Exit code 3: what an older version wrote.",
        ),
    ],
    ids=lambda each: each.cause.value if isinstance(each, Outcome) else "",
)
def test_other_ends_in_words(outcome: Outcome, words: str) -> None:
    assert describe(outcome) == words


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words(cause: Cause, subject: Subject) -> None:
    assert describe(Outcome(cause=cause, subject=subject, exit_code=1, grace=1.0, raw="raw"))


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("code", [None, 0])
def test_an_outcome_without_its_details_has_words(
    cause: Cause, subject: Subject, code: int | None
) -> None:
    """A user's own ApplicationMaster may answer with any combination."""
    told = describe(Outcome(cause=cause, subject=subject, exit_code=code, raw="raw"))
    assert told
    assert code == 0 or subject is Subject.SCRIPT or "None" not in told


def test_what_another_process_tells_of_an_end_is_cleaned() -> None:
    outcome = json.load(Outcome, b'{"cause":"failed","container":"a\\u001b[2J_0\\n"}')
    assert outcome.container == "a_0"


# --- on the wire and in journals


@pytest.mark.parametrize("cause", Cause)
def test_an_outcome_is_read_as_it_was_written(cause: Cause) -> None:
    full = Outcome(
        cause=cause,
        subject=Subject.APPLICATION,
        exit_code=-104,
        container="worker_3",
        grace=5.0,
        raw="[2026] pid 7",
    )
    for outcome in (full, Outcome(cause=cause)):
        assert json.load(Outcome, json.dump(outcome)) == outcome


def test_what_says_nothing_takes_no_room() -> None:
    assert json.dump(of(3)) == b'{"cause":"failed","exit_code":3}'


def test_a_cause_of_a_newer_version_is_unknown() -> None:
    assert json.load(Outcome, b'{"cause":"eclipse"}') == Outcome(cause=Cause.UNKNOWN)
    with pytest.raises(RemoteProtocolError):
        json.load(Outcome, b'{"cause":7}')


# --- peers of the version before, which has sentences alone

BEFORE = (
    b'{"containers":[{"service_name":"a","instance":0,"state":"FAILED","yarn_container_id":"c",'
    b'"yarn_node_http_address":"n:8042","start_time":1.5,"finish_time":2.5,'
    b'"exit_message":"Exit code 3: its program failed, see its log.","ready":false}]}'
)


def test_what_an_application_master_of_the_version_before_answers_is_read() -> None:
    (container,) = json.load(Containers, BEFORE).containers
    assert container.exit_message == "Exit code 3: its program failed, see its log."
    assert container.outcome is None


def test_a_client_of_the_version_before_is_answered_as_it_was() -> None:
    (before,) = json.load(Containers, BEFORE).containers
    now = Containers(containers=(replace(before, outcome=of(3)),))
    assert b'"outcome":{"cause":"failed","exit_code":3}' in json.dump(now)
    assert json.dump(without_outcomes(now)) == BEFORE
    assert json.dump(without_outcomes(now.containers[0])) == json.dump(before)

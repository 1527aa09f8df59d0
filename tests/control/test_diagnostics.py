"""What YARN keeps of an application's end is read as it was told."""

from __future__ import annotations

import time

import pytest

from yarnhub.control import diagnostics
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.control.words import describe

AM_KILLED = """\
Application application_1_0001 failed 1 times (global limit =2; local limit is =1) due to AM \
Container for appattempt_1_0001_000001 exited with  exitCode: 137
Failing this attempt.Diagnostics: [2026-11-21 08:14:06.173]Container killed on request. Exit code \
is 137
For more detailed output, check the application tracking page: http://rm:8088/cluster/app/x \
Then click on links to logs of each attempt.
. Failing the application."""


def test_a_killed_application_master_is_told_in_plain_words() -> None:
    outcome = diagnostics.read(AM_KILLED)
    assert (outcome.cause, outcome.signal, outcome.subject) == (Cause.SIGNAL, 9, Subject.MASTER)
    told = diagnostics.explain(AM_KILLED)
    assert told.startswith("its ApplicationMaster ended, exit code 137: it was killed (signal 9)")
    assert "Container killed on request" in told
    assert "click" not in told
    assert "\n" not in told


def test_an_application_master_that_ends_silently_has_failed() -> None:
    outcome = diagnostics.read(AM_KILLED.replace("137", "0"))
    assert outcome.cause is Cause.FAILED
    assert outcome.raw


def test_a_node_without_python_is_told_with_what_to_do() -> None:
    assert "no Python 3.11" in diagnostics.explain(AM_KILLED.replace("137", "127"))


def test_other_diagnostics_stay_as_yarn_has_them() -> None:
    text = "Application x submitted by user root to unknown queue: nope"
    assert diagnostics.explain(f"{text}\n") == text
    assert diagnostics.without_record(text) == text
    assert not diagnostics.explain("")


ENDS = [
    Outcome(cause=Cause.MEMORY, exit_code=-104, raw="[2026-11-21]pid 7 [cause=x of=y_1 raw=2]"),
    Outcome(cause=Cause.FAILED, exit_code=3),
    Outcome(cause=Cause.NOT_STARTED, raw="no route to höst 😀"),
    Outcome(cause=Cause.KILLED_BY_RESOURCE_MANAGER, exit_code=-106, raw="x" * 500),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda each: each.cause.value)
def test_an_applications_end_is_read_as_it_was_told(end: Outcome) -> None:
    outcome = end.of_application("a.b_c-d_12")
    told = diagnostics.write(outcome)
    assert diagnostics.read(f"{told}\n") == outcome
    assert diagnostics.without_record(told) == diagnostics.explain(told) == describe(outcome)
    assert told.startswith("Failure in service a.b_c-d: a.b_c-d_12 ended. ")


def test_a_cut_beginning_costs_nothing_but_words() -> None:
    outcome = ENDS[3].of_application("a_0")
    assert diagnostics.read(diagnostics.write(outcome)[50:]) == outcome


def test_a_record_is_only_believed_at_the_end() -> None:
    text = f"{diagnostics.write(ENDS[1].of_application('a_0'))} and more"
    assert diagnostics.read(text) == Outcome(
        cause=Cause.UNKNOWN, subject=Subject.APPLICATION, raw=text
    )


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(cause=Cause.FINISHED, subject=Subject.APPLICATION),
        Outcome(cause=Cause.REQUESTED, subject=Subject.APPLICATION, raw="that will do"),
        Outcome.of_code(3, subject=Subject.SCRIPT),
    ],
    ids=lambda each: each.cause.value,
)
def test_what_is_no_containers_fault_is_told_in_words_alone(outcome: Outcome) -> None:
    assert diagnostics.write(outcome) == describe(outcome)


def test_a_number_that_is_none_of_an_exit_code_is_left_as_text() -> None:
    text = AM_KILLED.replace("exitCode: 137", f"exitCode: {'9' * 5000}")
    assert diagnostics.read(text).cause is Cause.UNKNOWN


@pytest.mark.parametrize("record", ["cause=signal of=a_0 raw=9", "cause=stopping of=a_0 raw=9"])
def test_a_record_in_a_users_own_words_breaks_nothing(record: str) -> None:
    told = f"ended\n[hub] all is well [{record}]"
    outcome = diagnostics.read(told)
    assert "\n" not in outcome.raw
    assert "a_0" in diagnostics.explain(told)


def test_a_record_brings_no_more_lines_into_a_log() -> None:
    told = "x\n[hub] y [cause=memory exit=-104 of=a_0 raw=9999]"
    assert diagnostics.read(told).raw == "x [hub] y"


def test_long_diagnostics_of_a_user_are_read_at_once() -> None:
    told = "For more detailed output, check " * 2000
    began = time.process_time()
    assert diagnostics.read(told).cause is Cause.UNKNOWN
    assert time.process_time() - began < 0.25

from __future__ import annotations

import pytest

from yarnhub.yarn.exits import NOT_ITS_FAULT, explain, explain_application
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit
from yarnhub.yarn.records.containers import ContainerStatus


def said(code: int, diagnostics: str = "") -> str:
    return explain(ContainerStatus(exit_status=code, diagnostics=diagnostics))


@pytest.mark.parametrize("code", list(Exit), ids=lambda each: each.name)
def test_every_status_of_yarn_is_explained(code: Exit) -> None:
    if code is Exit.SUCCESS:
        assert said(code) == "Completed successfully."
    else:
        assert said(code).startswith(f"Exit code {code.value}: ")
        assert "its program failed" not in said(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "its program failed, see its log"),
        (255, "its program failed, see its log"),
        (126, "could not be executed"),
        (127, "not found"),
        (130, "signal 2"),
        (134, "signal 6"),
        (137, "for want of memory"),
        (139, "signal 11"),
        (143, "asked to end (signal 15)"),
        (154, "does not know how it ended"),
        (128, "its program failed"),
        (Exit.KILLED_EXCEEDED_PMEM, "more memory than it asked for"),
        (Exit.INVALID, "localized"),
        (-7, "its program failed"),
    ],
)
def test_codes_in_plain_words(code: int, words: str) -> None:
    assert words in said(code)


def test_only_what_says_nothing_of_the_program_is_not_its_fault() -> None:
    assert {
        Exit.ABORTED,
        Exit.DISKS_FAILED,
        Exit.PREEMPTED,
        Exit.KILLED_BY_RESOURCEMANAGER,
        Exit.KILLED_BY_CONTAINER_SCHEDULER,
    } == NOT_ITS_FAULT


def test_the_diagnostics_follow_on_one_line_without_the_java_stack() -> None:
    text = (
        "\n[2024-01-01]Exception from container-launch.\n  Container id: c\nStack trace: x\n"
        "\tat org.apache.Some(Some.java:1)\nat once\n\nLast 4096 bytes of stderr :\nboom\n"
    )
    assert said(1, text) == (
        "Exit code 1: its program failed, see its log. YARN says: "
        "[2024-01-01]Exception from container-launch. Container id: c "
        "Last 4096 bytes of stderr : boom"
    )


def test_long_diagnostics_are_cut() -> None:
    found = said(1, "z" * 600)
    assert found.endswith("z...")
    assert found.count("z") == 497


def test_a_success_has_no_diagnostics() -> None:
    assert said(0, "noise") == "Completed successfully."


AM_KILLED = """\
Application application_1_0001 failed 1 times (global limit =2; local limit is =1) due to AM \
Container for appattempt_1_0001_000001 exited with  exitCode: 137
Failing this attempt.Diagnostics: [2026-11-21 08:14:06.173]Container killed on request. Exit code \
is 137
For more detailed output, check the application tracking page: http://rm:8088/cluster/app/x \
Then click on links to logs of each attempt.
. Failing the application."""


def test_a_killed_application_master_is_told_in_plain_words() -> None:
    told = explain_application(AM_KILLED)
    assert told.startswith("its ApplicationMaster ended, exit code 137: it was killed (signal 9)")
    assert "Container killed on request" in told
    assert "click" not in told
    assert "\n" not in told


def test_other_diagnostics_stay_as_yarn_has_them() -> None:
    text = "Application x submitted by user root to unknown queue: nope"
    assert explain_application(f"{text}\n") == text

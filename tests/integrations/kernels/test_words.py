"""What a user reads about a kernel."""

from __future__ import annotations

import signal

import pytest

from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.integrations.kernels import words
from yarnhub.kernels.kernel import KernelState, KernelStatus

LONG = "a-very-long-name-without-any-space/" * 9


def status(state: KernelState, **values: object) -> KernelStatus:
    return KernelStatus(state=state, **values)  # type: ignore[arg-type]  # of each test


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("raw", ["", f"first\nsecond {LONG}\x1b[31m"])
def test_each_end_has_words_that_fit(cause: Cause, raw: str) -> None:
    code = 137 if cause is Cause.SIGNAL else None
    outcome = Outcome(cause=cause, subject=Subject.APPLICATION, exit_code=code, raw=raw)
    text = words.ended(status(KernelState.DEAD, outcome=outcome))
    assert text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= words.WIDTH


def test_what_it_waits_for() -> None:
    assert words.waiting(None) == "Asking YARN for a container."
    waits = status(KernelState.WAITING, waits_for=Diagnostics(f"the queue {LONG} is full"))
    text = words.waiting(waits, "application_1700000000000_0001")
    assert text.startswith("Waiting for a container (application_1700000000000_0001).\n")
    assert max(map(len, text.splitlines())) <= words.WIDTH
    text = words.waiting(status(KernelState.WAITING, node="n1"), "application_1700000000000_0001")
    assert text.startswith("The container on n1 is starting (application_1700000000000_0001). The")
    assert max(map(len, text.splitlines())) <= words.WIDTH
    assert words.waiting(status(KernelState.STARTING, node="n1")) == "The kernel is starting on n1."


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"code": 3}, "The kernel's process ended with exit code 3."),
        ({"code": -signal.SIGSEGV}, "The kernel's process was ended by SIGSEGV."),
        ({"code": -63}, "The kernel's process was ended by signal 63."),
        ({}, "The kernel's process has ended."),
        ({"error": "no such file"}, "The kernel's process could not be started: no such file"),
    ],
)
def test_how_a_process_ended(values: dict[str, object], text: str) -> None:
    assert words.ended(status(KernelState.ENDED, **values)) == text
    assert words.waiting(status(KernelState.ENDED, **values)) == text


def test_names_of_clients_are_quoted_and_cut() -> None:
    assert words.unknown_kernelspec("a\x1b[1m") == "There is no kernelspec 'a' on this server."
    assert len(words.invalid_id("x" * 5000)) < 300

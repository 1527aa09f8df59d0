"""What a user reads while the server starts."""

from __future__ import annotations

from typing import Any

import pytest

from sessions.in_memory import explained
from yarnhub.client.explain.reasons import ContainersPreempted, QueueNotRunning
from yarnhub.control import diagnostics
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.integrations.jupyterhub import words
from yarnhub.sessions.progress import Progress
from yarnhub.sessions.session import SessionSnapshot
from yarnhub.yarn.records.cluster import QueueState

APP = "application_1_0001"
DRAINING = QueueNotRunning("q", QueueState.DRAINING)
STOPPED = QueueNotRunning("q", QueueState.STOPPED)
PREEMPTED = ContainersPreempted()
ON_NODE = SessionSnapshot(node="node-7", container="container_1")


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"asked": False}, "Preparing your server."),
        ({}, "Requesting a container in queue q."),
        ({"application": APP}, f"YARN does not report the state of {APP}; retrying."),
        (
            {"application": APP, "snapshot": SessionSnapshot()},
            f"{APP} waits for a container in queue q.",
        ),
        (
            {
                "application": APP,
                "snapshot": SessionSnapshot(),
                "explanation": explained(DRAINING, STOPPED, PREEMPTED),
            },
            f"{APP} waits for a container in queue q: Queue q is DRAINING. Queue q is STOPPED.",
        ),
        (
            {
                "application": APP,
                "snapshot": SessionSnapshot(waits_for=STOPPED),
                "explanation": explained(DRAINING),
            },
            f"{APP} waits for a container in queue q: Queue q is STOPPED.",
        ),
        ({"application": APP, "snapshot": ON_NODE}, "Starting on node-7 (container_1)."),
        (
            {
                "application": APP,
                "snapshot": ON_NODE,
                "files": ["environment"],
                "explanation": explained(starting=("jupyterhub_0",)),
            },
            "node-7 (container_1) is downloading environment.",
        ),
        (
            {"application": APP, "snapshot": ON_NODE, "port": 8888},
            "Running on node-7 (container_1): waiting for its first response.",
        ),
    ],
)
def test_each_step_has_its_words(known: dict[str, Any], text: str) -> None:
    assert words.progress(Progress(queue="q", **known)) == text


def test_it_goes_forward() -> None:
    steps = [
        Progress(queue="q", asked=False),
        Progress(queue="q"),
        Progress(queue="q", application=APP, snapshot=SessionSnapshot()),
        Progress(
            queue="q",
            application=APP,
            snapshot=ON_NODE,
            explanation=explained(starting=("jupyterhub_0",)),
        ),
        Progress(queue="q", application=APP, snapshot=ON_NODE),
        Progress(queue="q", application=APP, snapshot=ON_NODE, port=8888),
    ]
    percents = [step.stage.value for step in steps]
    assert percents == sorted(set(percents))


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, "YARN has not accepted it in queue q yet: its ResourceManager does not respond"),
        (
            {"snapshot": SessionSnapshot(), "explanation": explained(STOPPED)},
            f"{APP} waits for a container in queue q: Queue q is STOPPED.",
        ),
        (
            {"snapshot": ON_NODE, "files": ["env"], "explanation": explained(starting=("it",))},
            "node-7 (container_1) is downloading env.",
        ),
        ({"snapshot": ON_NODE}, "must end in `python -m yarnspawner.singleuser`"),
        ({"snapshot": ON_NODE}, f"The logs of {APP} contain its output."),
        ({"snapshot": ON_NODE, "port": 8888}, "port 8888 of that node does not respond"),
    ],
)
def test_what_takes_too_long_has_a_reason(known: dict[str, Any], text: str) -> None:
    said = words.overdue(Progress(queue="q", application=APP if known else "", **known), 300)
    assert said.startswith("Your server is not ready after 300 s. ")
    assert text in said


# --- why it has ended

MEMORY = Outcome(cause=Cause.MEMORY, exit_code=-104, raw="[2026] pid 7")
OF_SERVER = MEMORY.of_application("jupyterhub_0")


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        *(
            (
                outcome,
                "Exit code -104: it used more memory than it requested: start it with more memory.",
            )
            for outcome in (MEMORY, OF_SERVER, diagnostics.read(diagnostics.write(OF_SERVER)))
        ),
        (
            Outcome.of_code(137),
            (
                "Exit code 137: it was killed (signal 9), perhaps because the node was out of"
                " memory: start it with more memory."
            ),
        ),
        (
            Outcome.of_code(-102, "Container preempted by scheduler"),
            "Exit code -102: YARN took the container back for another queue (preempted).",
        ),
        (Outcome(cause=Cause.KILLED_BY_USER), "Killed by user request."),
        (Outcome(cause=Cause.NOT_STARTED, raw="no route"), "Could not be started: no route"),
        (Outcome(cause=Cause.FORGOTTEN), "YARN no longer has a record of its application."),
        (Outcome.of_message(""), "YARN reports no reason"),
        (Outcome.of_message("what an older version said"), "what an older version said"),
    ],
)
def test_an_end_in_words(outcome: Outcome, text: str) -> None:
    assert words.ended(outcome) == text

"""Texts for outcomes; each user interface adds its own advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.control.outcomes import Cause, Subject

if TYPE_CHECKING:
    from yarnhub.control.outcomes import Outcome

MORE_MEMORY = "request more memory in the specification"
"""The advice on memory for authors of specifications."""

_MEANINGS = {
    Cause.FAILED: "its program failed, see its log",
    Cause.NOT_FOUND: "its command was not found",
    Cause.NOT_EXECUTABLE: "its command could not be executed",
    Cause.SIGNAL: "it was terminated by a signal",
    Cause.MEMORY: "it used more memory than it requested",
    Cause.VIRTUAL_MEMORY: "it used more virtual memory than YARN allows",
    Cause.EXCESS_LOGS: "it wrote more logs than YARN allows",
    Cause.PREEMPTED: "YARN took the container back for another queue (preempted)",
    Cause.NODE_LOST: "YARN took the container back: its node was lost or it was released",
    Cause.DISKS_FAILED: "the node's disks failed or are full",
    Cause.CONTAINER_SCHEDULER: "the node needed its resources for guaranteed containers",
    Cause.NOT_LOCALIZED: "it was not started: for example, a file could not be localized",
    Cause.LOST_TRACK: "its NodeManager restarted and could not determine how it ended",
    Cause.KILLED_BY_MASTER: "its ApplicationMaster ended it",
    Cause.KILLED_BY_RESOURCE_MANAGER: "the ResourceManager ended it",
    Cause.KILLED_AFTER_APPLICATION: "its application had ended",
}
_SIGNALS = {
    9: "it was killed (signal 9), perhaps because the node was out of memory",
    15: "it was terminated (signal 15)",
}
_FINISHED = {
    Subject.CONTAINER: "Completed successfully.",
    Subject.MASTER: "Completed successfully.",
    Subject.SCRIPT: "The master's script completed successfully.",
    Subject.APPLICATION: "All services have completed successfully.",
}
_NO_PYTHON = (
    "its node has no Python 3.11 or newer on its PATH: name one in the specification as "
    "master.env.YARNHUB_PYTHON, or write 'archive' there, and the client uploads its own"
)


def describe(outcome: Outcome) -> str:
    """The description of an end, followed by YARN's own diagnostics."""
    text = brief(outcome)
    if outcome.subject is Subject.APPLICATION and outcome.container:
        service = outcome.container.rpartition("_")[0]
        text = f"Failure in service {service}: {outcome.container} ended. {text}"
    return f"{text} YARN's diagnostics: {outcome.raw}" if adds_detail(outcome) else text


def adds_detail(outcome: Outcome) -> bool:
    """Whether `raw` adds to the text for the cause."""
    return bool(outcome.raw) and outcome.exit_code is not None


def brief(outcome: Outcome, more_memory: str = MORE_MEMORY) -> str:
    """Why something ended, without YARN's diagnostics if we have a text of our own.

    Args:
        outcome: How it ended.
        more_memory: The advice on memory.
    """
    match outcome.cause:
        case Cause.UNKNOWN | Cause.REQUESTED:
            return outcome.raw
        case Cause.FINISHED:
            return _FINISHED[outcome.subject]
        case Cause.NOT_STARTED:
            return f"Could not be started: {outcome.raw}"
        case Cause.STOPPING:
            within = "" if outcome.grace is None else f", within {outcome.grace:g} s"
            return f"Asked to end by user request{within}."
        case Cause.KILLED_BY_USER:
            late = " It did not end within its grace period." if outcome.grace is not None else ""
            return f"Killed by user request.{late}"
        case Cause.REFUSED:
            return f"YARN refused the request: {outcome.raw}"
        case Cause.FORGOTTEN:
            return "YARN no longer has a record of it."
        case _:
            return _by_code(outcome, more_memory)


def _by_code(outcome: Outcome, more_memory: str) -> str:
    if outcome.subject is Subject.SCRIPT:
        return _of_script(outcome)
    text = f"{_meaning(outcome, more_memory)}."
    if outcome.exit_code is not None:
        text = f"exit code {outcome.exit_code}: {text}"
    if outcome.subject is Subject.MASTER:
        return f"its ApplicationMaster ended, {text}"
    return f"{text[0].upper()}{text[1:]}"


def _of_script(outcome: Outcome) -> str:
    if outcome.signal == 15:
        return (
            "The master's script was terminated (signal 15): it was killed from outside, or the "
            "container exceeded its memory limit (master.resources.memory)."
        )
    code = outcome.exit_code
    return f"The master's script failed with exit code {code}, see its log application.driver.log."


def _meaning(outcome: Outcome, more_memory: str) -> str:
    cause, number = outcome.cause, outcome.signal
    if cause is Cause.NOT_FOUND and outcome.subject is Subject.MASTER:
        return _NO_PYTHON
    if number is not None:
        text = _SIGNALS.get(number, f"it was terminated by signal {number}")
    else:
        text = _MEANINGS[cause]
    wants = number == 9 or cause in {Cause.MEMORY, Cause.VIRTUAL_MEMORY}
    return f"{text}: {more_memory}" if wants else text

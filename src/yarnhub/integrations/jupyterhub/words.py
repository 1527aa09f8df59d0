"""Messages about a server for users of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.explain.words import sentence
from yarnhub.control.outcomes import Cause
from yarnhub.control.words import brief
from yarnhub.sessions.progress import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.control.outcomes import Outcome
    from yarnhub.sessions.progress import Progress

_FILES = 3
"""The maximum number of file names in a message."""
_REASONS = 2
"""The maximum number of reasons in a message, the most important first."""


# --- while it starts


def progress(start: Progress) -> str:
    """The progress of a server's start, on one line."""
    # It can contain text from YARN, from nodes and from a user's own ApplicationMaster.
    return clean_and_cut(_progress(start), lines=False)


def overdue(start: Progress, seconds: float) -> str:
    """Why a server is not ready after a number of seconds."""
    return f"Your server is not ready after {seconds:g} s. {_held_up(start)}"


def _progress(start: Progress) -> str:
    match start.stage:
        case Stage.PREPARING:
            return "Preparing your server."
        case Stage.SUBMITTING:
            return f"Requesting a container in queue {start.queue}."
        case Stage.UNKNOWN:
            return f"YARN does not report the state of {start.application}; retrying."
        case Stage.WAITING:
            said = f"{start.application} waits for a container in queue {start.queue}"
            reasons = " ".join(map(sentence, start.reasons[:_REASONS]))
            return f"{said}: {reasons}" if reasons else f"{said}."
        case Stage.LOCALIZING:
            return f"{_place(start)} is downloading {_files(start.files)}."
        case Stage.STARTING:
            return f"Starting on {_place(start)}."
        case Stage.CONNECTING:
            return f"Running on {_place(start)}: waiting for its first response."


def _held_up(start: Progress) -> str:
    match start.stage:
        case Stage.SUBMITTING:
            return (
                f"YARN has not accepted it in queue {start.queue} yet: its ResourceManager does "
                "not respond, or files are still being uploaded."
            )
        case Stage.STARTING:
            return (
                f"Its command runs on {_place(start)}, but has not reported its port to the hub: "
                "c.YarnSpawner.cmd must end in `python -m yarnspawner.singleuser`. The logs of "
                f"{start.application} contain its output."
            )
        case Stage.CONNECTING:
            return (
                f"It runs on {_place(start)}, but port {start.port} of that node does not respond."
            )
        case _:
            return progress(start)


def _place(start: Progress) -> str:
    assert start.snapshot is not None
    return f"{start.snapshot.node} ({start.snapshot.container})"


def _files(files: Sequence[str]) -> str:
    named = ", ".join(files[:_FILES])
    more = len(files) - _FILES
    if not named:
        return "the server's files"
    return f"{named} and {more} more" if more > 0 else named


# --- when it has ended


def ended(outcome: Outcome) -> str:
    """Why a server ended, without details that only help administrators."""
    if outcome.cause is Cause.FORGOTTEN:
        return "YARN no longer has a record of its application."
    said = brief(outcome, more_memory="start it with more memory")
    return clean_and_cut(said).strip() or "YARN reports no reason"

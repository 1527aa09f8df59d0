"""An application's diagnostics: all that YARN keeps of its end.

An ApplicationMaster ends them with the cause in a form that is read again, in whatever words it
is told before:

    ... YARN says: [2026-11-21]Container is running ... [cause=memory exit=-104 of=a_0 raw=71]

`raw` counts the letters of YARN's, or of others, that stand before the record.
"""

from __future__ import annotations

import re

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.outcomes import Cause, Outcome, Subject, first_words
from yarnhub.control.words import describe

_RECORD = re.compile(
    r" \[cause=([a-z-]+)(?: exit=(-?\d{1,10}))? of=([\w.-]+_\d+) raw=(\d{1,5})\]\s*$", re.ASCII
)
# RMAppAttemptImpl.getAMContainerCrashedDiagnostics writes both.
_AM_EXIT = re.compile(r"AM Container for \S+ exited with\s+exitCode: (-?\d{1,10})\b", re.ASCII)
_POINTER = re.compile(
    r"For more detailed output, check .{1,1000}? of each attempt\.\s*\.?", re.DOTALL
)


def write(outcome: Outcome) -> str:
    """What YARN is told of an application's end."""
    said = describe(outcome)
    if not outcome.container:
        return said
    code = "" if outcome.exit_code is None else f" exit={outcome.exit_code}"
    kept = len(outcome.raw)
    return f"{said} [cause={outcome.cause.value}{code} of={outcome.container} raw={kept}]"


def read(diagnostics: str) -> Outcome:
    """What YARN tells of an application's end."""
    if found := _RECORD.search(diagnostics):
        cause, code, container, kept = found.groups()
        raw = diagnostics[max(0, found.start() - int(kept)) : found.start()]
        return Outcome(
            cause=Cause(cause),
            subject=Subject.APPLICATION,
            exit_code=None if code is None else int(code),
            container=container,
            raw=clean_and_cut(raw, lines=False),  # a user's own text may end with a record
        )
    said = _POINTER.sub(" ", diagnostics)
    if found := _AM_EXIT.search(diagnostics):
        return Outcome.of_code(int(found[1]), said, Subject.MASTER)
    return Outcome(cause=Cause.UNKNOWN, subject=Subject.APPLICATION, raw=first_words(said))


def explain(diagnostics: str) -> str:
    """YARN's diagnostics of an application, on one line, in plain words where we have them."""
    return " ".join(describe(read(diagnostics)).splitlines())


def without_record(diagnostics: str) -> str:
    """The diagnostics as YARN shows them, but for the record at their end."""
    return _RECORD.sub("", diagnostics)

"""An application's diagnostics, in which YARN keeps the cause of its end.

An ApplicationMaster adds the cause at the end, in a form that can be parsed, independent of the
text before:

    ... YARN's diagnostics: [2026-11-21]Container is ... [cause=memory exit=-104 of=a_0 raw=71]

`raw` is the number of characters of YARN's, or another, text before the record.
"""

from __future__ import annotations

import re

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.outcomes import Cause, Outcome, Subject, essential_text
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
    """The diagnostics of an application's end, for YARN."""
    sentence = describe(outcome)
    if not outcome.container:
        return sentence
    code = "" if outcome.exit_code is None else f" exit={outcome.exit_code}"
    kept = len(outcome.raw)
    return f"{sentence} [cause={outcome.cause.value}{code} of={outcome.container} raw={kept}]"


def read(diagnostics: str) -> Outcome:
    """Read the diagnostics of an application's end."""
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
    text = _POINTER.sub(" ", diagnostics)
    if found := _AM_EXIT.search(diagnostics):
        return Outcome.of_code(int(found[1]), text, Subject.MASTER)
    return Outcome(cause=Cause.UNKNOWN, subject=Subject.APPLICATION, raw=essential_text(text))


def explain(diagnostics: str) -> str:
    """YARN's diagnostics of an application, on one line, explained if possible."""
    return " ".join(describe(read(diagnostics)).splitlines())


def without_record(diagnostics: str) -> str:
    """The diagnostics without the record at their end."""
    return _RECORD.sub("", diagnostics)

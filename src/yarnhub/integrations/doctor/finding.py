"""The result of a check: pure, no I/O."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Sequence


class Grade(enum.StrEnum):
    """The grade of a finding."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        grade: The grade.
        what: The state, and where it was found, without a full stop.
        mend: How to fix it.
        check: The name of the check; `run_checks` fills it in.
    """

    grade: Grade
    what: str
    mend: str = ""
    check: str = ""

    @property
    def line(self) -> str:
        """The finding on one line."""
        text = f"{self.what} -> {self.mend}" if self.mend else self.what
        return f"{self.grade:<{_WIDTH}}  {self.check}: {clean_and_cut(text, lines=False)}"


_WIDTH = max(map(len, Grade))


def ok(what: str) -> Finding:
    """No problem."""
    return Finding(Grade.OK, what)


def warning(what: str, mend: str) -> Finding:
    """It works, but has a problem."""
    return Finding(Grade.WARNING, what, mend)


def error(what: str, mend: str = "") -> Finding:
    """It does not work."""
    return Finding(Grade.ERROR, what, mend)


def not_checked(reason: str) -> Finding:
    """It could not be determined whether there is a problem."""
    return Finding(Grade.NOT_CHECKED, reason)


def summary(findings: Sequence[Finding]) -> str:
    """The number of findings of each grade, as text."""
    counts = {grade: sum(each.grade is grade for each in findings) for grade in Grade}
    return ", ".join(f"{number} {grade}" for grade, number in counts.items() if number)


def as_json(findings: Sequence[Finding]) -> str:
    """All findings as a JSON list of objects: `check`, `grade`, `what`, `mend`."""
    return json.dumps([asdict(each) for each in findings], indent=2)

"""The progress of a build, as data."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

from yarnhub.base.foreign_text import clean_and_cut

_AMOUNT = re.compile(r"([0-9]{1,9}) of ([0-9]{1,9})")
_STARTED = "started"


class Step(enum.Enum):
    """A step of a build, in order."""

    INTERPRETER = "interpreter"
    LOCK = "lock"
    INSTALL = "install"
    COMPILE = "compile"
    PACK = "pack"
    PUBLISH = "publish"
    """Only of builds whose archive is uploaded."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a build does at a moment.

    Attributes:
        step: The step.
        done: How much of it is done.
        total: Of how much; 0 if that is unknown.
        line: A line of the program that runs; empty if the amount has changed.
    """

    step: Step
    done: int = 0
    total: int = 0
    line: str = ""

    def __str__(self) -> str:
        if self.line:
            shown = clean_and_cut(self.line.strip(), lines=False)
        elif self.total:
            shown = f"{self.done} of {self.total}"
        else:
            shown = _STARTED
        return f"{self.step.value}: {shown}"

    @classmethod
    def parse(cls, line: str) -> Progress | None:
        """Read a line of the log of a build; None if it is of another kind."""
        head, separator, rest = line.strip().partition(": ")
        step = next((each for each in Step if each.value == head), None)
        if step is None or not separator:
            return None
        if amount := _AMOUNT.fullmatch(rest):
            return cls(step, int(amount[1]), int(amount[2]))
        return cls(step, line="" if rest == _STARTED else rest)


Say = Callable[[Progress], None]
"""Is called in the thread of the event loop."""

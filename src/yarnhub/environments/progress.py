"""The progress of a build, as data."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from yarnhub.base.foreign_text import clean_and_cut


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
            shown = "started"
        return f"{self.step.value}: {shown}"


Say = Callable[[Progress], None]
"""Is called in the thread of the event loop."""

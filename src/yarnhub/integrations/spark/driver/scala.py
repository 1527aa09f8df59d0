"""Scala cells: `%%scala` in kernels for Python, and every cell of a kernel for Scala."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import words
from .interpreter import Interpreter, Outcome, StartError, Status, StuckError
from .output import Output, Publisher
from .properties import SCALA, SCALA_CLASSES
from .session import Context, Sessions, SparkError

if TYPE_CHECKING:
    from typing import Self

    from .cells import Cells

# IPython's, which has no types that hold here.
Shell = Any

MAGIC = "scala"
_COMPLETE_SECONDS = 3.0
_CHECK_SECONDS = 1.0
_DEATH_SECONDS = 5.0
"""Until the end of a JVM is noticed whose connection has ended."""
_SUMMARY = 300
"""Characters of an error's value."""


class ScalaError(Exception):
    """A cell has failed.

    Args:
        text: What is shown, which may have several lines.
        summary: One line of it, for the error's value.
    """

    def __init__(self, text: str, summary: str = "") -> None:
        super().__init__((summary or text)[:_SUMMARY])
        self._text = text

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of Python's traceback, which is of no use here."""
        return self._text.splitlines()


class ScalaInterrupt(KeyboardInterrupt):
    """A cell has been interrupted."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True, slots=True)
class _Started:
    """An interpreter, and the output of its cells."""

    interpreter: Interpreter
    output: Output

    @classmethod
    def of(cls, context: Context, folder: Path, publisher: Publisher) -> Self:
        """Start both, or none; see them for errors."""
        output = Output(folder, publisher)
        try:
            return cls(Interpreter(context, output.paths), output)
        except BaseException:
            output.close()
            raise

    def close(self) -> None:
        self.interpreter.close()
        self.output.close()


class Scala:
    """The interpreter of a kernel: one for each session, begun when a cell needs it.

    Args:
        sessions: The kernel's sessions.
        cells: Its cells.
    """

    def __init__(self, sessions: Sessions, cells: Cells) -> None:
        self._sessions = sessions
        self._cells = cells
        self._shell: Shell = None
        self._started: _Started | None = None
        self._lock = threading.RLock()
        """Held while that changes: cells run in several threads."""

    def observe(self, shell: Shell) -> None:
        """Add the magic to IPython."""
        self._shell = shell
        shell.register_magic_function(self.run, "cell", MAGIC)

    def run(self, line: str, cell: str) -> None:
        """Run a cell.

        Args:
            line: What follows `%%scala`.
            cell: The code.

        Raises:
            ScalaError: It has failed.
            ScalaInterrupt: It was interrupted.
        """
        if line.strip():
            raise ScalaError(words.SCALA_LINE)
        try:
            outcome, output = self._outcome(cell)
        except KeyboardInterrupt as error:
            raise ScalaInterrupt(words.INTERRUPTED) from error
        self._show(outcome, output)

    def forget(self) -> None:
        """Drop the interpreter of a session that has ended."""
        with self._lock:
            started, self._started = self._started, None
        if started is not None:
            started.close()

    def complete(self, code: str, position: int) -> tuple[int, list[str]]:
        """What could be at a position, and where that begins; starts nothing."""
        if (started := self._started) is None:
            return position, []
        return started.interpreter.complete(code, position, _COMPLETE_SECONDS)

    def check(self, code: str) -> Status | None:
        """What would become of a cell, as far as its syntax tells; None if that is unknown."""
        if (started := self._started) is None:
            return None
        return started.interpreter.check(code, _CHECK_SECONDS)

    def _outcome(self, cell: str) -> tuple[Outcome, Output]:
        started = self._begin()
        interpreter, output = started.interpreter, started.output
        output.begin()
        try:
            return interpreter.run(cell, self._cells.tag()), output
        except StuckError as error:
            raise ScalaError(words.SCALA_STUCK) from error
        except StartError as error:
            raise ScalaError(words.scala_start_failed(str(error))) from error
        except Exception as error:
            if not self._has_died(interpreter):
                raise
            raise ScalaError(words.SCALA_DIED) from error
        finally:
            output.drain()

    def _begin(self) -> _Started:
        """The interpreter of the current session, or a new one with a new session."""
        try:
            context = self._sessions.context
            if context is None:
                context = self._sessions.create({SCALA: "true"}).sparkContext
        except SparkError as error:
            raise ScalaError(str(error)) from error
        with self._lock:
            if self._started is None or self._started.interpreter.context is not context:
                self.forget()
                self._started = self._start(context)
            return self._started

    def _start(self, context: Context) -> _Started:
        folder = context.getConf().get(SCALA_CLASSES)
        if folder is None:
            raise ScalaError(words.SCALA_OFF)
        try:
            started = _Started.of(context, Path(folder).parent, self._shell.display_pub)
        except (OSError, RuntimeError) as error:  # there are too many files, or threads
            raise ScalaError(words.scala_start_failed(str(error))) from error
        if self._sessions.left == words.PYTHON_KEPT:
            self._sessions.left = words.WITH_SCALA
        return started

    def _has_died(self, interpreter: Interpreter) -> bool:
        """Whether the JVM has ended, which is noticed a moment after its connections end."""
        deadline = time.monotonic() + _DEATH_SECONDS
        while self._sessions.context is interpreter.context:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _show(self, outcome: Outcome, output: Output) -> None:
        if outcome.stopped and (context := self._sessions.context) is not None:
            context.stop()
            self._cells.warn(words.SCALA_STOPPED)
        match outcome.status:
            case Status.SUCCESS:
                output.write(outcome.text)
            case Status.INCOMPLETE:
                raise ScalaError(words.SCALA_INCOMPLETE)
            case Status.ERROR:
                raise ScalaError(outcome.text, _summary(outcome.text))


def _summary(text: str) -> str:
    """The line of an error that says what it is: the compiler shows the code before."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if "error: " in line]
    return (marked or lines or [""])[0]

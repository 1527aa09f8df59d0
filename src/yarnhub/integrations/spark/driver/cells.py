"""Cells that use Spark: their jobs end with them, their progress is shown."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from . import words
from .progress import Line, Shell, describe, look, tagged_jobs
from .service import Service, ServiceError
from .session import Context, Listener, Sessions
from .tokens import Renewal
from .waiting import explain

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_BUSY_SECONDS = 30.0
"""How often jobs that run without a cell are reported."""
_SHOWN_AFTER = 1.0
"""Seconds that a cell's jobs run until their progress is shown."""
_EXPLAINED_AFTER = 3.0
_EXPLAIN_SECONDS = 10.0
"""How often the service is asked why there are no executors."""
_CANCEL_SECONDS = 10.0


class Cell:
    """A cell that runs.

    Attributes:
        tag: The tag of its jobs.
        began: When it began.
        seen: When jobs of it were seen first.
        waits_since: Since when its jobs have had no executors.
        explanation: Why, as of the time `explained`.
    """

    def __init__(self, line: Line) -> None:
        self.tag = _new_tag()
        self.began = time.monotonic()
        self._line = line
        self._lock = threading.Lock()
        self._ended = False
        """Whether its line is not changed again."""
        self.seen: float | None = None
        self.waits_since: float | None = None
        self.explained = 0.0
        self.explanation = ""

    def show(self, *, session: str, link: str) -> None:
        """Show something about the session."""
        with self._lock:
            self._line.session, self._line.link = session, link
            self._line.show()

    def show_jobs(self, text: str) -> None:
        """Show the progress of its jobs, unless it has ended."""
        with self._lock:
            if not self._ended:
                self._line.jobs = text
                self._line.show()

    def end(self) -> bool:
        """It has ended: its progress is not shown again. Returns whether that was shown."""
        with self._lock:
            self._ended = True
            return bool(self._line.jobs)

    def show_result(self, text: str) -> None:
        """Show what its jobs have come to, when it has ended."""
        with self._lock:
            self._line.jobs = text
            self._line.show()


class Cells(Listener):
    """The cells of a kernel.

    Args:
        sessions: Its sessions.
        service: The launcher.

    Attributes:
        forget: Drops the variables of a session that has ended.
    """

    def __init__(self, sessions: Sessions, service: Service) -> None:
        self.forget: Callable[[], None] = lambda: None
        self._sessions = sessions
        sessions.listener = self
        self._service = service
        self._shell: Shell = None
        self._executing: set[int] = set()
        """Threads that execute code of the user: the main one, and those of subshells."""
        self._cells: dict[int, Cell] = {}
        self._changed = threading.Event()
        self._watch: threading.Thread | None = None
        self._renewal: Renewal | None = None

    def observe(self, shell: Shell) -> None:
        """Have IPython report its cells."""
        self._shell = shell
        for name in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
            shell.events.register(name, getattr(self, f"_{name}"))

    def in_user_code(self) -> bool:
        """Whether the current thread runs code of the user, not for example a completion."""
        ident = threading.get_ident()
        return ident in self._executing or ident != threading.main_thread().ident

    def tag(self) -> str:
        """The tag for jobs of the cell that the current thread runs."""
        cell = self._cell()
        return cell.tag if cell is not None else _new_tag()

    # --- what happens to sessions

    def starting(self, text: str) -> None:
        """Show it in the cell."""
        if cell := self._cell():
            cell.show(session=text, link="")

    def started(self, context: Context) -> None:
        """Show the session, and observe its jobs."""
        if cell := self._cell():
            context.addJobTag(cell.tag)
            ready = words.ready(context.version, context.applicationId)
            cell.show(session=ready, link=context.uiWebUrl or "")
        if tokens := self._sessions.tokens:
            self._renewal = Renewal(self._service, context, tokens)
        if self._watch is None:
            self._watch = threading.Thread(target=self._look, name="spark-jobs", daemon=True)
            self._watch.start()
        self._changed.set()

    def stopped(self) -> None:
        """Forget the session."""
        if self._renewal is not None:
            self._renewal.stop()
            self._renewal = None
        self.forget()

    def warn(self, text: str) -> None:
        """Show it in the cell, as a warning."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # the cell's output

    # --- what IPython reports

    def _pre_execute(self) -> None:
        self._executing.add(threading.get_ident())

    def _post_execute(self) -> None:
        self._executing.discard(threading.get_ident())

    def _pre_run_cell(self, info: object) -> None:  # noqa: ARG002  # IPython's
        self._sessions.forget_dead()
        cell = Cell(Line(self._shell, self._shell.display_pub.parent_header))
        self._cells[threading.get_ident()] = cell
        context = self._sessions.context
        if context is not None:
            with contextlib.suppress(Exception):  # the cell itself will meet the fault
                context.addJobTag(cell.tag)
            self._changed.set()

    def _post_run_cell(self, result: Any) -> None:  # IPython's
        cell = self._cells.pop(threading.get_ident(), None)
        if cell is None:
            return
        shown = cell.end()
        failed = result is None or not result.success
        context = self._sessions.context
        if context is not None:
            # In a thread, so that another interrupt does not stop it; Python's end does not wait
            # for it, since the JVM may hang.
            end = threading.Thread(
                target=_end_cell,
                args=(context, cell),
                kwargs={"cancel": failed, "shown": shown},
                daemon=True,
            )
            end.start()
            with contextlib.suppress(Exception):
                context.removeJobTag(cell.tag)
            end.join(_CANCEL_SECONDS)
        if failed:
            error = result.error_in_exec if result is not None else None
            if text := self._sessions.report_death(after=error):
                self.warn(text)

    def _cell(self) -> Cell | None:
        return self._cells.get(threading.get_ident())

    # --- jobs

    def _look(self) -> None:
        """Look at the jobs of cells that run, and at others when none does; for ever."""
        while True:
            self._changed.clear()
            context = self._sessions.context
            cells = list(self._cells.values())
            try:
                if context is not None and cells:
                    for cell in cells:
                        self._show(context, cell)
                elif context is not None and context.statusTracker().getActiveJobsIds():
                    self._report_busy()
            except Exception:  # a session may end at any moment
                log.debug("the progress of Spark's jobs is unknown", exc_info=True)
            if cells:
                time.sleep(_LOOK_SECONDS)
            else:
                self._changed.wait(_BUSY_SECONDS)

    def _show(self, context: Context, cell: Cell) -> None:
        """Show the progress of a cell's jobs."""
        now = time.monotonic()
        progress = look(context, cell.tag)
        if not progress.jobs:
            cell.waits_since = None
            return
        if cell.seen is None:
            cell.seen = now
        cell.waits_since = (cell.waits_since or now) if progress.waits else None
        if cell.waits_since is None or now - cell.waits_since <= _EXPLAINED_AFTER:
            cell.explanation = ""
        elif now - cell.explained > _EXPLAIN_SECONDS:
            cell.explanation = explain(self._service, context, self._sessions.executors)
            cell.explained = now
        if now - cell.seen > _SHOWN_AFTER:
            cell.show_jobs(describe(progress, cell.explanation))

    def _report_busy(self) -> None:
        if self._service.exists:
            try:
                self._service.busy()
            except ServiceError as error:
                log.debug("%s", error)


def _new_tag() -> str:
    return f"cell-{uuid.uuid4().hex}"


def _end_cell(context: Context, cell: Cell, *, cancel: bool, shown: bool) -> None:
    """Cancel the jobs of a cell if it failed, and say what it has done if that was shown."""
    with contextlib.suppress(Exception):  # the JVM may be gone
        if cancel:
            context.cancelJobsWithTag(cell.tag)
        if shown:
            tracker = context.statusTracker()
            jobs = tagged_jobs(context, cell.tag)
            infos = [tracker.getJobInfo(job) for job in jobs]
            failed = sum(info is not None and info.status == "FAILED" for info in infos)
            seconds = time.monotonic() - cell.began
            cell.show_result(words.finished(len(jobs), failed, seconds))

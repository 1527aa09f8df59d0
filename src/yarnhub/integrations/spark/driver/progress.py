"""The progress of the jobs of a cell, as one line of its output that changes."""

from __future__ import annotations

import html
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import words

if TYPE_CHECKING:
    from collections.abc import Mapping

# PySpark's and IPython's objects have no types that hold here.
Context = Any
Shell = Any


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What runs of the jobs with a tag.

    Attributes:
        jobs: Active jobs.
        done: Completed tasks of their active stages.
        running: Tasks that run.
        tasks: All tasks of their active stages.
        executors: Executors of the session; None if the driver computes itself.
    """

    jobs: int = 0
    done: int = 0
    running: int = 0
    tasks: int = 0
    executors: int | None = None

    @property
    def waits(self) -> bool:
        """Whether there is nothing that could run a task."""
        return self.jobs > 0 and self.executors == 0


def tagged_jobs(context: Context, tag: str) -> frozenset[int]:
    """The jobs with a tag that Spark still knows; all active ones before Spark 4."""
    from py4j.protocol import Py4JError

    tracker = context._jsc.sc().statusTracker()  # noqa: SLF001  # Python's lacks tags
    try:
        return frozenset(tracker.getJobIdsForTag(tag))
    except Py4JError:
        return frozenset(context.statusTracker().getActiveJobsIds())


def look(context: Context, tag: str) -> Progress:
    """The progress of the jobs with a tag."""
    tracker = context.statusTracker()
    active = set(tracker.getActiveJobsIds())
    jobs = active & tagged_jobs(context, tag) if active else set()
    if not jobs:
        return Progress()
    stages: set[int] = set()
    for job in jobs:
        if info := tracker.getJobInfo(job):
            stages.update(info.stageIds)
    found = [tracker.getStageInfo(stage) for stage in stages & set(tracker.getActiveStageIds())]
    known = [each for each in found if each is not None]
    executors = None
    if not context.master.startswith("local"):
        # The driver is one of them.
        executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # noqa: SLF001
    return Progress(
        jobs=len(jobs),
        done=sum(each.numCompletedTasks for each in known),
        running=sum(each.numActiveTasks for each in known),
        tasks=sum(each.numTasks for each in known),
        executors=executors,
    )


class Line:
    """A display in the output of a cell; it may be changed in any thread.

    Args:
        shell: IPython's.
        parent: The header of the message that has the cell executed.

    Attributes:
        session: What is shown about the session, first.
        link: The address of the session's pages.
        jobs: What is shown about the cell's jobs, next.
    """

    def __init__(self, shell: Shell, parent: Mapping[str, Any]) -> None:
        self.session = ""
        self.link = ""
        self.jobs = ""
        self._shell = shell
        self._parent = dict(parent)
        self._id = uuid.uuid4().hex
        self._shown: dict[str, str] = {}

    def show(self) -> None:
        """Show what has changed."""
        data = self._data()
        if data == self._shown or not data["text/plain"]:
            return
        publisher = self._shell.display_pub
        content = {"data": data, "metadata": {}, "transient": {"display_id": self._id}}
        # The publisher's own method takes the cell from the current thread.
        publisher.session.send(
            publisher.pub_socket,
            "update_display_data" if self._shown else "display_data",
            content,
            parent=self._parent,
            ident=publisher.topic,
        )
        self._shown = data

    def _data(self) -> dict[str, str]:
        lines = [each for each in (self.session, self.jobs) if each]
        plain = "\n".join(lines)
        marked = [html.escape(each) for each in lines]
        if self.link and marked:
            marked[0] += f' (<a href="{html.escape(self.link)}" target="_blank">Spark\'s pages</a>)'
            plain = "\n".join([f"{lines[0]} {self.link}", *lines[1:]])
        return {"text/plain": plain, "text/html": "<br>".join(marked)}


def describe(progress: Progress, waiting: str) -> str:
    """The line of a cell whose jobs run.

    Args:
        progress: Theirs.
        waiting: Why there are no executors; empty if that is unknown.
    """
    text = words.progress(
        jobs=progress.jobs,
        done=progress.done,
        running=progress.running,
        tasks=progress.tasks,
        executors=progress.executors,
    )
    return f"{text}; {words.waiting(waiting)}" if progress.waits else text

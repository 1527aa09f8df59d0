"""The words of the pages."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.explain.limit_reasons import master_limit
from yarnhub.client.explain.words import sentence
from yarnhub.control import diagnostics
from yarnhub.control.words import brief
from yarnhub.environments.progress import Step
from yarnhub.server.platform.environment_documents import State
from yarnhub.server.platform.limit_documents import LimitedKind
from yarnhub.sessions.limits import Scope
from yarnhub.watch.kinds import Kind
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.server.platform.limit_documents import OwnLimits
    from yarnhub.yarn.records.applications import ApplicationReport

_MAX_LINE = 300
"""Characters of a reason in a list."""
_GIB = 1024
_NO_CONTAINER = "waiting for resources to be assigned for AM"
_MOST = re.compile(r"Queue's Absolute max capacity = (\d+(?:\.\d+)?) %")
"""Of YARN's diagnostics (Hadoop 3.4.2, SchedulerApplicationAttempt and AMState)."""
_LEAST = 0.01
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))

BUILD_STATES = {
    State.WAITING: ("waiting", "Waiting"),
    State.RUNNING: ("running", "Running"),
    State.READY: ("finished", "Ready"),
    State.FAILED: ("failed", "Failed"),
    State.KILLED: ("killed", "Killed"),
}
"""The style and the word of each state."""
BUILD_STEPS = {
    Step.INTERPRETER: "Prepare Python",
    Step.LOCK: "Resolve the packages",
    Step.INSTALL: "Install the packages",
    Step.COMPILE: "Compile",
    Step.PACK: "Pack the archive",
    Step.PUBLISH: "Publish",
}


KINDS = {
    Kind.SERVER: "Notebook servers",
    Kind.KERNEL: "Kernels",
    Kind.DASK: "Dask clusters",
    Kind.SPARK: "Spark",
    Kind.BUILD: "Builds of environments",
    Kind.OTHER: "Other applications",
}
"""What applications are for."""
LIMITED = {
    LimitedKind.SERVERS: "Notebook servers",
    LimitedKind.KERNELS: "Kernels",
    LimitedKind.CLUSTERS: "Dask clusters",
    LimitedKind.BUILDS: "Builds of environments",
}
"""What is limited."""
WHOM = {
    Scope.USER: "User",
    Scope.EACH_USER: "Each user",
    Scope.GROUP: "All members of group",
    Scope.ALL: "All users together",
}
"""Whom a limit is for."""


class Status(enum.StrEnum):
    """What a user wants to know of an application first."""

    WAITING = "Waiting"
    RUNNING = "Running"
    FINISHED = "Finished"
    FAILED = "Failed"
    KILLED = "Killed"

    @classmethod
    def of(cls, report: ApplicationReport) -> Status:
        """The status of an application. One that reports its own failure to YARN has failed."""
        match report.yarn_application_state:
            case YarnApplicationState.RUNNING:
                return cls.RUNNING
            case YarnApplicationState.FINISHED:
                failed = report.final_application_status is FinalApplicationStatus.FAILED
                return cls.FAILED if failed else cls.FINISHED
            case YarnApplicationState.FAILED:
                return cls.FAILED
            case YarnApplicationState.KILLED:
                return cls.KILLED
            case _:
                return cls.WAITING


def reason(report: ApplicationReport) -> str:
    """Why an application waits, or how it has ended, on one line; from its report alone."""
    match Status.of(report):
        case Status.RUNNING:
            return ""
        case Status.WAITING:
            limit = master_limit(report)
            text = _waits(report) if limit is None else sentence(limit)
        case _:
            text = brief(diagnostics.read(report.diagnostics))
    text = clean_and_cut(text, lines=False)
    return text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]}…"


def _waits(report: ApplicationReport) -> str:
    """What an application waits for that no limit on ApplicationMasters holds back."""
    if _NO_CONTAINER not in report.diagnostics:
        return report.diagnostics
    most = _MOST.search(report.diagnostics)
    share = f", which can use at most {float(most[1]):g} % of the cluster" if most else ""
    return f"It waits for a container for its ApplicationMaster in queue {report.queue}{share}."


def own_limit(limits: OwnLimits) -> str:
    """What a user holds of a kind, and can hold; empty if nothing limits it here."""
    parts = []
    if limits.limit is not None:
        limit, held = limits.limit, limits.held
        parts += [
            _of(held.count, limit.count, "{:,}".format, ""),
            _of(held.memory, limit.memory, memory, " of memory"),
            _of(held.vcores, limit.vcores, "{:,}".format, " vcores"),
        ]
    for each in limits.shared:
        most = each.limit
        amounts = [
            "" if most.count is None else f"{most.count:,}",
            "" if most.memory is None else f"{memory(most.memory)} of memory",
            "" if most.vcores is None else f"{most.vcores:,} vcores",
        ]
        if text := ", ".join(filter(None, amounts)):
            who = f"the group {each.name}" if each.name else "all users"
            parts.append(f"{who} together at most {text}")
    return ", ".join(filter(None, parts))


def _of(held: int | None, most: int | None, written: Callable[[int], str], unit: str) -> str:
    if most is None:
        return ""
    begin = "at most" if held is None else f"{written(held)} of"
    return f"{begin} {written(most)}{unit}"


def memory(mib: int) -> str:
    """An amount of memory, with a unit."""
    return f"{mib} MiB" if mib < _GIB else f"{mib / _GIB:.1f} GiB".replace(".0 ", " ")


def size(number: int) -> str:
    """A number of bytes, with a unit."""
    if abs(number) < 1 << 20:
        return f"{number / 1024:,.0f} KiB"
    return f"{number / (1 << 20):,.0f} MiB"


def amount(number: float) -> str:
    """A number with as many digits as matter: three, or all before the point."""
    if 0 < number < _LEAST:
        return f"< {_LEAST}"
    digits = 0 if number == 0 or number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{digits}f}"


def span(seconds: int) -> str:
    """A length of time, in its two largest units, such as `1 day 2 hours`."""
    parts = []
    for unit, size in _UNITS:
        number, rest = divmod(seconds, size)
        if number:
            parts.append(f"{number:,} {unit}{'' if number == 1 else 's'}")
        elif parts:
            break
        seconds = rest
    return " ".join(parts[:2]) or "0 seconds"

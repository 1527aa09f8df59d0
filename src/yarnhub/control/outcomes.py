"""How a container, an ApplicationMaster or an application ended, as data; `words` has sentences.

Source: org.apache.hadoop.yarn.api.records.ContainerExitStatus; bash(1) for 126, 127 and 128 + n.
"""

from __future__ import annotations

import enum
import re
import signal
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.json import OMIT_DEFAULT
from yarnhub.yarn.records.containers import ContainerExitStatus as Exit

if TYPE_CHECKING:
    from yarnhub.yarn.records.containers import ContainerStatus

_MAX_RAW = 500
"""Characters of YARN's diagnostics that are kept."""


class Cause(enum.Enum):
    """The cause of an end."""

    FINISHED = "finished"
    FAILED = "failed"
    """Its program did."""
    NOT_FOUND = "command-not-found"
    NOT_EXECUTABLE = "command-not-executable"
    SIGNAL = "signal"
    MEMORY = "memory"
    VIRTUAL_MEMORY = "virtual-memory"
    EXCESS_LOGS = "excess-logs"
    PREEMPTED = "preempted"
    NODE_LOST = "node-lost"
    """Or its container was released: YARN has one status for both."""
    DISKS_FAILED = "disks-failed"
    CONTAINER_SCHEDULER = "container-scheduler"
    """A NodeManager freed resources for guaranteed containers."""
    NOT_LOCALIZED = "not-localized"
    NOT_STARTED = "not-started"
    """`raw` has the error."""
    LOST_TRACK = "lost-track"
    """Its exit code is unknown on its node."""
    STOPPING = "stopping"
    """It has not ended yet: a user has requested it, with a grace period."""
    KILLED_BY_USER = "killed-by-user"
    KILLED_BY_MASTER = "killed-by-master"
    KILLED_BY_RESOURCE_MANAGER = "killed-by-resource-manager"
    KILLED_AFTER_APPLICATION = "killed-after-application"
    REFUSED = "refused"
    """YARN refused the request; `raw` has the reason."""
    FORGOTTEN = "forgotten"
    """YARN no longer has a record of the application."""
    REQUESTED = "requested"
    """A client ended the application; `raw` is its message."""
    UNKNOWN = "unknown"
    """Only `raw` is known, for example from an older or newer version."""

    @classmethod
    def _missing_(cls, value: object) -> Cause | None:
        return cls.UNKNOWN if isinstance(value, str) else None

    @property
    def blameless(self) -> bool:
        """Whether it is not the program's fault: YARN took the container back, or lost it."""
        return self in _BLAMELESS


class Subject(enum.Enum):
    """What ended."""

    CONTAINER = "container"
    MASTER = "master"
    SCRIPT = "script"
    """The specification's `master.script`."""
    APPLICATION = "application"


_BLAMELESS = frozenset(
    {
        Cause.NODE_LOST,
        Cause.DISKS_FAILED,
        Cause.PREEMPTED,
        Cause.KILLED_BY_RESOURCE_MANAGER,
        Cause.CONTAINER_SCHEDULER,
    }
)

_CAUSES = {
    Exit.SUCCESS: Cause.FINISHED,
    Exit.INVALID: Cause.NOT_LOCALIZED,
    Exit.ABORTED: Cause.NODE_LOST,
    Exit.DISKS_FAILED: Cause.DISKS_FAILED,
    Exit.PREEMPTED: Cause.PREEMPTED,
    Exit.KILLED_EXCEEDED_VMEM: Cause.VIRTUAL_MEMORY,
    Exit.KILLED_EXCEEDED_PMEM: Cause.MEMORY,
    Exit.KILLED_BY_APPMASTER: Cause.KILLED_BY_MASTER,
    Exit.KILLED_BY_RESOURCEMANAGER: Cause.KILLED_BY_RESOURCE_MANAGER,
    Exit.KILLED_AFTER_APP_COMPLETION: Cause.KILLED_AFTER_APPLICATION,
    Exit.KILLED_BY_CONTAINER_SCHEDULER: Cause.CONTAINER_SCHEDULER,
    Exit.KILLED_FOR_EXCESS_LOGS: Cause.EXCESS_LOGS,
    126: Cause.NOT_EXECUTABLE,
    127: Cause.NOT_FOUND,
    # ContainerExecutor.ExitCode.LOST; programs rarely exit with this code themselves.
    154: Cause.LOST_TRACK,
}

# Only at the beginning: what a program has written comes later.
# Source: org.apache.hadoop.yarn.server.nodemanager.containermanager.monitor.ContainersMonitorImpl.
_KILLED_FOR_MEMORY = re.compile(
    r"(?:\[[^]]*\])?\s*Container \[pid=\d+,containerID=\w+\] is running \S+ beyond the "
    r"'(PHYSICAL|VIRTUAL)' memory limit\."
)
_MEMORY_CODES = {
    "PHYSICAL": Exit.KILLED_EXCEEDED_PMEM,
    "VIRTUAL": Exit.KILLED_EXCEEDED_VMEM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How something ended.

    Attributes:
        cause: Why.
        subject: What ended.
        exit_code: The exit code of its process, or YARN's instead; None if there is none.
        container: `<service>_<instance>` of the container that ended an application.
        grace: The grace period in seconds, running or exceeded.
        raw: The text of YARN, a node, or a user.
    """

    cause: Cause
    subject: Subject = field(default=Subject.CONTAINER, metadata=OMIT_DEFAULT)
    exit_code: int | None = field(default=None, metadata=OMIT_DEFAULT)
    container: str = field(default="", metadata=OMIT_DEFAULT)
    grace: float | None = field(default=None, metadata=OMIT_DEFAULT)
    raw: str = field(default="", metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        object.__setattr__(self, "container", clean_and_cut(self.container, lines=False))
        object.__setattr__(self, "raw", clean_and_cut(self.raw))

    @property
    def signal(self) -> int | None:
        """The signal that ended its process, if one did."""
        return self.exit_code - 128 if self.cause is Cause.SIGNAL and self.exit_code else None

    @classmethod
    def of_code(cls, code: int, raw: str = "", subject: Subject = Subject.CONTAINER) -> Outcome:
        """The outcome of an exit code, of a container or of the ApplicationMaster."""
        cause = _CAUSES.get(code)
        if cause is None:
            signalled = code > 128 and code - 128 in signal.valid_signals()
            cause = Cause.SIGNAL if signalled else Cause.FAILED
        elif cause is Cause.FINISHED and subject is Subject.MASTER:
            cause = Cause.FAILED  # without telling YARN
        kept = "" if cause is Cause.FINISHED else essential_text(raw)
        return cls(cause=cause, subject=subject, exit_code=code, raw=kept)

    @classmethod
    def of_container(cls, status: ContainerStatus) -> Outcome:
        """The outcome of an ended container, from YARN's status.

        A program that ends by itself when its node asks it to, with SIGTERM, replaces YARN's exit
        code by its own.
        """
        code, killed = status.exit_status, _KILLED_FOR_MEMORY.match(status.diagnostics)
        if code >= 0 and killed is not None:
            code = _MEMORY_CODES[killed[1]]
        return cls.of_code(code, status.diagnostics)

    @classmethod
    def of_message(cls, message: str, subject: Subject = Subject.CONTAINER) -> Outcome:
        """The outcome from a version of yarnhub without causes."""
        return cls(cause=Cause.UNKNOWN, subject=subject, raw=message)

    def of_application(self, container: str) -> Outcome:
        """The end of an application that failed because this container ended so."""
        return replace(self, subject=Subject.APPLICATION, container=container)


def essential_text(diagnostics: str) -> str:
    """The part of YARN's diagnostics that is not boilerplate, on one line."""
    lines = [line.strip() for line in diagnostics.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("at ", "Stack trace"))]
    text = " ".join(kept)
    return text if len(text) <= _MAX_RAW else f"{text[: _MAX_RAW - 3]}..."

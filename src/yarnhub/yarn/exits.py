"""Why a container ended, in plain words.

Source: org.apache.hadoop.yarn.api.records.ContainerExitStatus; bash(1) for 126, 127 and 128 + n.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from yarnhub.yarn.records.containers import ContainerExitStatus as Exit

if TYPE_CHECKING:
    from yarnhub.yarn.records.containers import ContainerStatus

NOT_ITS_FAULT = frozenset(
    {
        Exit.ABORTED,
        Exit.DISKS_FAILED,
        Exit.PREEMPTED,
        Exit.KILLED_BY_RESOURCEMANAGER,
        Exit.KILLED_BY_CONTAINER_SCHEDULER,
    }
)
"""Ends that say nothing of the program: YARN took the container back or lost its node."""

_MEMORY = "ask for more memory in the specification"

_BY_YARN = {
    Exit.INVALID: "it was never started, as when a file of it cannot be localized",
    Exit.ABORTED: "YARN took the container back: its node was lost or it was released",
    Exit.DISKS_FAILED: "the node's disks failed or are full",
    Exit.PREEMPTED: "YARN took the container back for another queue (preempted)",
    Exit.KILLED_EXCEEDED_VMEM: f"it used more virtual memory than YARN allows: {_MEMORY}",
    Exit.KILLED_EXCEEDED_PMEM: f"it used more memory than it asked for: {_MEMORY}",
    Exit.KILLED_BY_APPMASTER: "its ApplicationMaster ended it",
    Exit.KILLED_BY_RESOURCEMANAGER: "the ResourceManager ended it",
    Exit.KILLED_AFTER_APP_COMPLETION: "its application had ended",
    Exit.KILLED_BY_CONTAINER_SCHEDULER: "the node needed the room for guaranteed containers",
    Exit.KILLED_FOR_EXCESS_LOGS: "it wrote more logs than YARN allows",
}

# RMAppAttemptImpl.getAMContainerCrashedDiagnostics writes both.
_AM_EXIT = re.compile(r"AM Container for \S+ exited with\s+exitCode: (-?\d+)")
_POINTER = re.compile(r"For more detailed output, check .*? of each attempt\.\s*\.?", re.DOTALL)

_BY_SHELL = {
    126: "its command could not be executed",
    127: "its command was not found",
    137: f"it was killed (signal 9), perhaps by the node for want of memory: {_MEMORY}",
    143: "it was asked to end (signal 15)",
    # ContainerExecutor.ExitCode.LOST; a program that says so itself is rare.
    154: "its NodeManager was started again and does not know how it ended",
}

_OF_MASTERS = {
    127: "its node has no Python 3.11 or newer on its PATH: name one in the specification as "
    "master.env.YARNHUB_PYTHON, or say 'archive' there, and the client brings its own",
}


def explain(status: ContainerStatus) -> str:
    """One sentence on how a container ended, with YARN's own diagnostics behind it."""
    code = status.exit_status
    if code == Exit.SUCCESS:
        return "Completed successfully."
    said = _meaning(code)
    detail = _first_words(status.diagnostics)
    return f"Exit code {code}: {said}.{f' YARN says: {detail}' if detail else ''}"


def explain_application(diagnostics: str) -> str:
    """YARN's diagnostics of an application, on one line, behind plain words where we have them."""
    detail = _first_words(_POINTER.sub(" ", diagnostics))
    found = _AM_EXIT.search(diagnostics)
    if found is None:
        return detail
    code = int(found[1])
    meaning = _OF_MASTERS.get(code) or _meaning(code)
    return f"its ApplicationMaster ended, exit code {code}: {meaning}. YARN says: {detail}"


def _meaning(code: int) -> str:
    if code in _BY_YARN:
        return _BY_YARN[Exit(code)]
    if code in _BY_SHELL:
        return _BY_SHELL[code]
    if code > 128 and code - 128 in signal.valid_signals():
        return f"it was ended by signal {code - 128}"
    return "its program failed, see its log"


def _first_words(diagnostics: str) -> str:
    """The part of YARN's diagnostics that is not boilerplate, on one line."""
    lines = [line.strip() for line in diagnostics.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("at ", "Stack trace"))]
    text = " ".join(kept)
    return text if len(text) <= 500 else text[:497] + "..."

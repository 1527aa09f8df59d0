"""The processes that come from another one, as /proc shows them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_SET_CHILD_SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER` of prctl(2)."""


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended, as init is otherwise.

    Without it (a Python without ctypes) such processes are not found. Their zombies have to be
    reaped.
    """
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """All running processes that come from one, parents before their children."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # "pid (name) state parent ...", where the name may contain anything
            state, parent = path.read_bytes().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, ())
    return found[1:]


def exists(pid: int) -> bool:
    """Whether a process runs, and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


def send(pid: int, number: int) -> None:
    """Send a signal; nothing happens if the process has ended or is another user's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)

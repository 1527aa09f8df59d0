"""The processes that come from another one, as /proc shows them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

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


def own_children() -> frozenset[int]:
    """The children of this process, which has one thread; this is quick."""
    pid = os.getpid()
    try:
        # Source: CONFIG_PROC_CHILDREN in proc(5).
        return frozenset(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:  # a Linux without it
        return frozenset(descendants(pid))


def descendants(pid: int, *, without: Collection[int] = ()) -> list[int]:
    """All running processes that come from one, parents before their children.

    Args:
        pid: The process.
        without: Processes that do not count, nor what comes from them.
    """
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # "pid (name) state parent ...", where the name may contain anything
            state, parent = path.read_bytes().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += (child for child in children.get(each, ()) if child not in without)
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

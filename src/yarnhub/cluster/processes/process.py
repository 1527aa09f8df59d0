"""Processes of a cluster: started detached, and identified reliably.

The system reuses process IDs. A process is therefore recorded with the ID, the machine's boot ID
and the start time. All processes of a cluster have an environment variable that marks them.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MARK = "YARNHUB_CLUSTER_MARK"
"""The variable in which every process of a cluster has the cluster's state folder.

NodeManagers pass it to containers, which outlive them on purpose.
"""

POLL_INTERVAL = 0.02
"""Seconds between two checks of a process that is exiting."""


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """One process, which cannot be confused with a later one.

    Attributes:
        pid: Its ID.
        started: The boot ID and the clock tick of its start.
    """

    pid: int
    started: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Status:
    state: str
    session: int
    started: str


def start_process(
    command: Sequence[str], environment: Mapping[str, str], *, folder: Path, log: Path
) -> Process:
    """Start a program in a new session; its output is appended to `log`."""
    pid = os.posix_spawn(
        "/bin/sh",
        ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command],
        dict(environment),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=(),
    )
    status = _read_status(pid)
    if status is None:  # a child stays in /proc until its parent has waited for it
        raise AssertionError(f"the process {pid} has disappeared before it was waited for")
    return Process(pid, status.started)


def is_alive(process: Process) -> bool:
    """Whether a process is running; reaps a child that has exited."""
    status = _read_status(process.pid)
    if status is None or status.started != process.started:
        return False
    if status.state in "ZX":
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
        return False
    return True


def send_signal(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process, unless it has exited."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def marked_processes(state: Path) -> list[Process]:
    """All processes of the cluster with this state folder, containers included.

    These are the processes with the cluster's mark in the environment, and all others of their
    sessions: a container may start programs with an empty environment.
    """
    mark = os.fsencode(f"{MARK}={state}")
    statuses: dict[int, _Status] = {}
    marked: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        status = _read_status(pid)
        if status is None or status.state in "ZX":
            continue
        statuses[pid] = status
        with contextlib.suppress(OSError):  # it has exited, or belongs to another user
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                marked.add(pid)
    own = os.getsid(0)
    sessions = {statuses[pid].session for pid in marked} - {own, 0}
    marked |= {pid for pid, status in statuses.items() if status.session in sessions}
    return [Process(pid, statuses[pid].started) for pid in sorted(marked - {os.getpid()})]


async def wait_until_gone(processes: Iterable[Process], *, deadline: float) -> bool:
    """Wait at most `deadline` seconds; returns whether all have exited.

    Cancelling leaves the processes as they are.
    """
    end = time.monotonic() + deadline
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < end:
        await asyncio.sleep(POLL_INTERVAL)
        left = [process for process in left if is_alive(process)]
    return not left


async def stop_processes(processes: Sequence[Process], *, grace_period: float) -> bool:
    """Terminate processes, and kill those that are still running after `grace_period` seconds.

    Cancelling may leave some of them running.

    Returns:
        Whether all have exited.
    """
    for process in processes:
        send_signal(process, signal.SIGTERM)
    if await wait_until_gone(processes, deadline=grace_period):
        return True
    for process in processes:
        send_signal(process, signal.SIGKILL)
    return await wait_until_gone(processes, deadline=5)


def _read_status(pid: int) -> _Status | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, and may contain spaces and brackets.
    # proc(5): the third is the state, the sixth the session, the 22nd the start time in ticks.
    fields = text.rpartition(")")[2].split()
    return _Status(state=fields[0], session=int(fields[3]), started=f"{_boot_id()}/{fields[19]}")


@functools.cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

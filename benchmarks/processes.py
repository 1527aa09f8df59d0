"""What a running process has used."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_with_ended(pids: Iterable[int]) -> float:
    """Seconds of CPU of processes, and of those that they have started and waited for."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def waited(pid: int) -> float:
    """Seconds for which the main thread of a process could run, and waited for a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def peak(pid: int) -> float:
    """MiB of memory that a process has held at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def reset_peak(pid: int) -> None:
    """Let `peak` begin with what a process holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def held(pids: Iterable[int], what: str) -> float:
    """MiB of memory that processes hold now: `Rss`, or `Pss` with their part of shared pages."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(text.partition(f"{what}:")[2].split()[0])
    return total / 1024


def containers(mark: str) -> dict[str, list[int]]:
    """The processes of containers by the containers' ids.

    Args:
        mark: What is in the environment of a container's first process.
    """
    found: dict[str, list[int]] = {}
    marked = set()
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = each.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        for word in environment:
            if word.startswith("CONTAINER_ID="):
                container = word.partition("=")[2]
                found.setdefault(container, []).append(int(each.parent.name))
                if mark in environment:
                    marked.add(container)
    return {container: found[container] for container in marked}


def family(pid: int) -> list[int]:
    """A process and all that it has started, by whichever of its threads."""
    found = [pid]
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            for child in each.read_text().split():
                found += family(int(child))
    return found


def program(pid: int) -> str:
    """The name of the program that a process runs."""
    return Path(Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]).name

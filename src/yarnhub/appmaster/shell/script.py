"""The script that may run beside an ApplicationMaster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_KILL_DELAY = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_POLL_PAUSE = 0.05


async def run_script(script: str, folder: Path, log: Path, environment: Mapping[str, str]) -> int:
    """Run a script with bash; returns its exit code, 128 + n for signal n.

    What it has started ends with it, and all of it when this is cancelled: SIGTERM, and SIGKILL
    after 5 s.

    Args:
        script: Its text.
        folder: Where it is put, as `.skein.sh`, and runs.
        log: Where stdout and stderr go.
        environment: All of its environment.
    """
    path = folder / ".skein.sh"
    await asyncio.to_thread(path.write_text, script, "utf-8")
    # A container's first process leads a group, and that group is what the NodeManager ends: in
    # a session of its own the script would outlive a container that is killed.
    leads = os.getpgrp() == os.getpid()
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            "bash",
            str(path),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=not leads,
        )
    try:
        code = await process.wait()
    finally:
        await _end(os.getpgrp() if leads else process.pid)
        await process.wait()
    return code if code >= 0 else 128 - code


async def _end(group: int) -> None:
    """End all processes of a group but this one."""
    clock = asyncio.get_running_loop().time
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _members(group):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        # Not asyncio.timeout: before Python 3.11.3 it does not end a wait in a task that is being
        # cancelled by TimeoutError (python/cpython#102780).
        until = clock() + _KILL_DELAY
        while clock() < until:
            if not _members(group):
                return
            await asyncio.sleep(_POLL_PAUSE)


def _members(group: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # "pid (name) state parent group ...", where the name may hold anything
            state, _, its_group = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z" and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found

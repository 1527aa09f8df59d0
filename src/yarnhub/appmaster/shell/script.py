"""The script that can run in an ApplicationMaster's container."""

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

    Processes that it has started are stopped when it ends, and all of them if this is cancelled:
    SIGTERM, and SIGKILL after 5 s.

    Args:
        script: The text of the script.
        folder: The folder in which it is written, as `.skein.sh`, and runs.
        log: The file for stdout and stderr.
        environment: Its complete environment.
    """
    path = folder / ".skein.sh"
    await asyncio.to_thread(path.write_text, script, "utf-8")
    # The NodeManager stops the process group of a container's first process: in a session of its
    # own, the script would survive the kill of the container.
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
    """Stop all processes of a group except this one."""
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
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # "pid (name) state parent group ...", where the name may contain anything
            state, _, its_group = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z" and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found

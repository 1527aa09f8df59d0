"""The script that may run beside an ApplicationMaster."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


async def run_script(script: str, folder: Path, log: Path, environment: Mapping[str, str]) -> int:
    """Run a script with bash in a session of its own; returns its exit code, 128 + n for signal n.

    Cancelling ends the script and what it started: SIGTERM, and SIGKILL after 5 s.

    Args:
        script: Its text.
        folder: Where it is put, as `.skein.sh`, and runs.
        log: Where stdout and stderr go.
        environment: All of its environment.
    """
    path = folder / ".skein.sh"
    await asyncio.to_thread(path.write_text, script)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            "bash",
            str(path),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
        )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return code if code >= 0 else 128 - code


async def _end(process: asyncio.subprocess.Process) -> None:
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    import os

    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)

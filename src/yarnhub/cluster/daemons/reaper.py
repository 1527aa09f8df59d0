"""Stops a cluster when its parent process has exited.

Runs as a separate process with the arguments `STATE [--delete]`. The parent holds the other end of
standard input: a byte means that the parent has stopped the cluster itself; the end of the stream
means that the parent has exited, even if it was killed.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yarnhub
from yarnhub.cluster.processes.shutdown import stop_cluster
from yarnhub.cluster.state.layout import Layout
from yarnhub.cluster.state.record import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping

RELEASED = b"."
"""The byte that releases the process."""
RELEASE_TIMEOUT = 10.0
"""Seconds for the released process to exit."""


class Reaper:
    """The process that stops the cluster with one state folder unless it is released."""

    def __init__(self, state: Path, environment: Mapping[str, str], *, delete: bool) -> None:
        program = f"from {__name__} import main; main()"
        command = [sys.executable, "-c", program, str(state), *(["--delete"] if delete else [])]
        # The child must import this package from the same folder.
        source = Path(yarnhub.__file__).parent.parent
        logs = Layout(state).logs
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "reaper.log").open(
            "ab"
        ) as log:  # not the parent's output: its reader would wait
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**environment, "PYTHONPATH": str(source)},
                start_new_session=True,
            )

    async def release(self) -> None:
        """Report that the cluster was stopped, and wait until the process has exited."""
        await asyncio.to_thread(self._signal_release)

    def _signal_release(self) -> None:
        try:
            self._process.communicate(RELEASED, timeout=RELEASE_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def _stop(state: Path, *, delete: bool) -> None:
    record = read_record(Layout(state))
    await stop_cluster(state, record.processes.values() if record else ())
    if delete:
        await asyncio.to_thread(shutil.rmtree, state, ignore_errors=True)


def main() -> None:
    """Wait until the parent exits or releases this process; reads `sys.argv`."""
    arguments = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read(1) != RELEASED:
        asyncio.run(_stop(Path(arguments[0]), delete="--delete" in arguments))

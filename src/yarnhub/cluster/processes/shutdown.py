"""Ending a cluster: its daemons, then every process that they left behind."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.processes.process import (
    marked_processes,
    send_signal,
    stop_processes,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from yarnhub.cluster.processes.process import Process

TERMINATION_TIMEOUT = 5.0
"""Seconds that daemons get to end by themselves; HDFS's edits are safe without, too."""
KILL_TIMEOUT = 20.0


async def stop_cluster(state: Path, daemons: Iterable[Process]) -> None:
    """End all processes of the cluster with this state folder. Does nothing when none runs.

    Cancelling may leave some of them running; call it again.

    Args:
        state: The state folder, as the processes are marked with it.
        daemons: Those that are asked to end first.

    Raises:
        ClusterError: Some did not end even when killed.
    """
    await stop_processes(list(daemons), grace_period=TERMINATION_TIMEOUT)
    end = time.monotonic() + KILL_TIMEOUT
    while left := marked_processes(state):
        if time.monotonic() > end:
            numbers = ", ".join(str(process.pid) for process in left)
            raise ClusterError(f"these processes of {state} do not end: {numbers}")
        for process in left:
            send_signal(process, signal.SIGKILL)
        await wait_until_gone(left, deadline=1)

"""Stops all processes of a cluster: the daemons, then all that they have started."""

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
"""Seconds for daemons to exit after SIGTERM; HDFS's edits survive a kill as well."""
KILL_TIMEOUT = 20.0
"""Seconds for all processes to exit after SIGKILL."""


async def stop_cluster(state: Path, daemons: Iterable[Process]) -> None:
    """Stop all processes of the cluster with this state folder. Does nothing if none is running.

    Cancelling may leave some of them running; call it again.

    Args:
        state: The state folder, with which the processes are marked.
        daemons: The processes that get a SIGTERM first.

    Raises:
        ClusterError: Some are still running although they were killed.
    """
    await stop_processes(list(daemons), grace_period=TERMINATION_TIMEOUT)
    end = time.monotonic() + KILL_TIMEOUT
    while left := marked_processes(state):
        if time.monotonic() > end:
            pids = ", ".join(str(process.pid) for process in left)
            raise ClusterError(f"processes of {state} are still running after SIGKILL: {pids}")
        for process in left:
            send_signal(process, signal.SIGKILL)
        await wait_until_gone(left, deadline=1)

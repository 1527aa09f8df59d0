"""The daemons of a cluster: what each is, how it is started and what its end looks like."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

from yarnhub.cluster.errors import DaemonError
from yarnhub.cluster.process import is_alive
from yarnhub.cluster.programs import java_flags

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from yarnhub.cluster.layout import Layout
    from yarnhub.cluster.process import Process

NAME_NODE = "namenode"
DATA_NODE = "datanode"
RESOURCE_MANAGER = "resourcemanager"
KDC_DAEMON = "kdc"
_NODE_MANAGER = "nodemanager"

MAIN_CLASSES = {
    NAME_NODE: "org.apache.hadoop.hdfs.server.namenode.NameNode",
    DATA_NODE: "org.apache.hadoop.hdfs.server.datanode.DataNode",
    RESOURCE_MANAGER: "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    _NODE_MANAGER: "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}
HEAP = ("-Xms48m", "-Xmx512m")
TAIL_LINES = 20
POLL = 0.1
"""Seconds between two questions whether a daemon is ready."""


def node_managers(count: int) -> list[str]:
    """The names of a cluster's NodeManagers."""
    return [f"{_NODE_MANAGER}-{number}" for number in range(1, count + 1)]


def is_node_manager(daemon: str) -> bool:
    """Whether the daemon of this name is a NodeManager."""
    return daemon.startswith(f"{_NODE_MANAGER}-")


@dataclasses.dataclass(frozen=True, slots=True)
class JavaDaemons:
    """What all JVMs of a cluster have in common."""

    layout: Layout
    jars: Path
    java_home: Path
    secure: bool
    environment: Mapping[str, str]

    def command(self, daemon: str, *arguments: str) -> list[str]:
        """The command line of a daemon. The class path is absolute: localizers inherit it."""
        kind = _NODE_MANAGER if is_node_manager(daemon) else daemon
        conf = self.layout.node_conf(daemon) if is_node_manager(daemon) else self.layout.conf
        return [
            str(self.java_home / "bin" / "java"),
            f"-Dproc_{daemon}",
            *HEAP,
            *java_flags(self.layout, secure=self.secure),
            f"-Djava.io.tmpdir={self.layout.temporary}",
            f"-XX:ErrorFile={self.layout.logs / f'{daemon}-crash.log'}",
            "-cp",
            f"{conf}:{self.layout.resources}:{self.jars}/*",
            MAIN_CLASSES[kind],
            *arguments,
        ]


def log_tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        text = path.read_bytes()[-64 * 1024 :].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


async def wait_until_ready(
    daemon: str,
    process: Process,
    *,
    log: Path,
    ready: Callable[[], Awaitable[bool]],
    deadline: float,
) -> None:
    """Ask until the daemon says that it is ready.

    Cancelling leaves the daemon as it is.

    Raises:
        DaemonError: It ended, or was not ready within `deadline` seconds.
    """
    end = time.monotonic() + deadline
    while not await ready():
        if not is_alive(process):
            raise DaemonError(daemon, "ended while it was started", log, log_tail(log))
        if time.monotonic() > end:
            raise DaemonError(daemon, f"is not ready after {deadline:g} s", log, log_tail(log))
        await asyncio.sleep(POLL)

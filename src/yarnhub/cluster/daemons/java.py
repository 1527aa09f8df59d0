"""The daemons of a cluster: what each is, how it is started and what its end looks like."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

from yarnhub.cluster.errors import DaemonError
from yarnhub.cluster.processes.process import is_alive
from yarnhub.cluster.wrappers import java_flags

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from yarnhub.cluster.options import ClusterOptions
    from yarnhub.cluster.processes.process import Process
    from yarnhub.cluster.state.layout import Layout

NAME_NODE = "namenode"
DATA_NODE = "datanode"
KDC_DAEMON = "kdc"
ZOOKEEPER_DAEMON = "zookeeper"
ROUTER_DAEMON = "router"
KEY_SERVER_DAEMON = "kms"
_RESOURCE_MANAGER = "resourcemanager"
_NODE_MANAGER = "nodemanager"

MAIN_CLASSES = {
    NAME_NODE: "org.apache.hadoop.hdfs.server.namenode.NameNode",
    DATA_NODE: "org.apache.hadoop.hdfs.server.datanode.DataNode",
    KEY_SERVER_DAEMON: "org.apache.hadoop.crypto.key.kms.server.KMSWebServer",
    ROUTER_DAEMON: "org.apache.hadoop.yarn.server.router.Router",
    ZOOKEEPER_DAEMON: "org.apache.zookeeper.server.ZooKeeperServerMain",
    _RESOURCE_MANAGER: "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    _NODE_MANAGER: "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}
HEAP = ("-Xms48m", "-Xmx512m")
ZOOKEEPER_HEAP = ("-Xms16m", "-Xmx64m")
TAIL_LINES = 20
POLL = 0.1
"""Seconds between two questions whether a daemon is ready."""


def node_managers(count: int) -> list[str]:
    """The names of a cluster's NodeManagers."""
    return [f"{_NODE_MANAGER}-{number}" for number in range(1, count + 1)]


def name_nodes(*, ha: bool) -> list[str]:
    """The names of a cluster's NameNodes."""
    return [f"{NAME_NODE}-{number}" for number in (1, 2)] if ha else [NAME_NODE]


def name_node_id(daemon: str) -> str:
    """Hadoop's own name of one of a pair of NameNodes; empty for one that is alone."""
    number = daemon.partition("-")[2]
    return f"nn{number}" if number else ""


def is_name_node(daemon: str) -> bool:
    """Whether the daemon of this name is a NameNode."""
    return daemon.partition("-")[0] == NAME_NODE


def resource_managers(*, ha: bool) -> list[str]:
    """The names of a cluster's ResourceManagers."""
    return [f"{_RESOURCE_MANAGER}-{number}" for number in (1, 2)] if ha else [_RESOURCE_MANAGER]


def resource_manager_id(daemon: str) -> str:
    """Hadoop's own name of one of a pair of ResourceManagers; empty for one that is alone."""
    number = daemon.partition("-")[2]
    return f"rm{number}" if number else ""


def is_resource_manager(daemon: str) -> bool:
    """Whether the daemon of this name is a ResourceManager."""
    return daemon.partition("-")[0] == _RESOURCE_MANAGER


def is_node_manager(daemon: str) -> bool:
    """Whether the daemon of this name is a NodeManager."""
    return daemon.startswith(f"{_NODE_MANAGER}-")


@dataclasses.dataclass(frozen=True, slots=True)
class Roster:
    """The names of a cluster's daemons that there may be more or fewer of."""

    name_nodes: Sequence[str]
    resource_managers: Sequence[str]
    node_managers: Sequence[str]
    routers: Sequence[str]

    @classmethod
    def of(cls, options: ClusterOptions) -> Roster:
        """The daemons of a cluster with these options."""
        return cls(
            name_nodes(ha=options.name_node_ha),
            resource_managers(ha=options.ha),
            node_managers(options.nodes),
            [ROUTER_DAEMON] if options.federation else [],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class JavaDaemons:
    """What all JVMs of a cluster have in common."""

    layout: Layout
    jars: Path
    java_home: Path
    secure: bool
    environment: Mapping[str, str]
    client_address: str = ""
    """Where the ResourceManager serves clients, if their configuration names another place."""

    def command(self, daemon: str, *arguments: str) -> list[str]:
        """The command line of a daemon. The class path is absolute: localizers inherit it."""
        kind = daemon.partition("-")[0]
        conf = self.layout.node_conf(daemon) if is_node_manager(daemon) else self.layout.conf
        more = [f"{self.layout.router_jars}/*"] if kind == ROUTER_DAEMON else []
        return [
            str(self.java_home / "bin" / "java"),
            f"-Dproc_{daemon}",
            *(ZOOKEEPER_HEAP if kind == ZOOKEEPER_DAEMON else HEAP),
            *java_flags(self.layout, secure=self.secure),
            f"-Djava.io.tmpdir={self.layout.temporary}",
            f"-XX:ErrorFile={self.layout.logs / f'{daemon}-crash.log'}",
            *self._own_flags(daemon, conf),
            "-cp",
            ":".join([str(conf), str(self.layout.resources), f"{self.jars}/*", *more]),
            MAIN_CLASSES[kind],
            *self._own_arguments(daemon),
            *arguments,
        ]

    def _own_flags(self, daemon: str, conf: Path) -> list[str]:
        if daemon == KEY_SERVER_DAEMON:
            return [f"-Dkms.config.dir={conf}", "-Dlog4j.configuration=log4j.properties"]
        return []

    def _own_arguments(self, daemon: str) -> list[str]:
        if daemon == ZOOKEEPER_DAEMON:
            return [str(self.layout.zookeeper_properties)]
        if is_resource_manager(daemon) and (name := resource_manager_id(daemon)):
            # The pair is on one host and has one configuration: which one it is, it must be told.
            return [f"-Dyarn.resourcemanager.ha.id={name}"]
        if is_resource_manager(daemon) and self.client_address:
            return [f"-Dyarn.resourcemanager.address={self.client_address}"]
        if is_name_node(daemon) and (name := name_node_id(daemon)):
            return [f"-Ddfs.ha.namenode.id={name}"]
        return []


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

"""Starts the daemons of a cluster, in parallel as far as they do not depend on each other."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from yarnhub.base.tasks import task_group
from yarnhub.cluster.daemon_names import (
    DATA_NODE,
    KDC_DAEMON,
    KEY_SERVER_DAEMON,
    ZOOKEEPER_DAEMON,
    DaemonNames,
    is_name_node,
    is_node_manager,
    is_resource_manager,
    name_node_id,
)
from yarnhub.cluster.daemons.readiness import wait_until_ready
from yarnhub.cluster.hdfs import encryption_zone, folders
from yarnhub.cluster.ports import accepts_connections
from yarnhub.cluster.preparation import hdfs_folders
from yarnhub.cluster.processes.process import is_alive, start_process
from yarnhub.cluster.processes.run import run_program, run_with_retries
from yarnhub.cluster.site.key_server import KEY, ZONE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from yarnhub.cluster.daemons.java import JavaCommands
    from yarnhub.cluster.daemons.readiness import Readiness
    from yarnhub.cluster.processes.process import Process
    from yarnhub.cluster.security.realm import Realm

READY_TIMEOUT = 90.0
"""Seconds for each daemon to become ready; a large margin on two cores."""


@dataclasses.dataclass(frozen=True, slots=True)
class Daemons:
    """The daemons of one cluster.

    Attributes:
        java: The command lines of those that run on Java.
        readiness: Checks whether each is ready.
        zookeeper_port: ZooKeeper's port; for a pair of ResourceManagers and a federation.
        processes: The started processes, by name; `start` adds to them.
        superuser: The name of the NameNode's user in HDFS.
        realm: For Kerberos only.
        key_server_port: The key server's port; None without one.
    """

    java: JavaCommands
    readiness: Readiness
    zookeeper_port: int | None
    processes: dict[str, Process]
    superuser: str
    realm: Realm | None
    key_server_port: int | None = None

    async def start_all(self, names: DaemonNames) -> None:
        """Start all daemons; HDFS and YARN do not wait for each other.

        Daemons that were started before an error or a cancellation keep running.

        Raises:
            ClusterError: A daemon exited or was not ready in time.
        """
        if self.realm is not None:
            await self.realm.prepare()
            await self.start(KDC_DAEMON, {})
        async with task_group() as group:
            group.create_task(self._start_storage(names.name_nodes), name="start HDFS")
            group.create_task(self._start_yarn(names), name="start YARN")

    async def start(self, daemon: str, earlier: Mapping[str, int]) -> None:
        """Start one daemon and wait until it is ready.

        Args:
            daemon: Its name.
            earlier: The result of `Readiness.registrations` before the start.
        """
        self._start(daemon)
        await self._wait(daemon, earlier)
        if is_resource_manager(daemon):
            await self.wait_for_nodes()

    async def wait_for_nodes(self) -> None:
        """Wait until all running nodes have registered with the active ResourceManager."""
        for name, process in self.processes.items():
            if is_node_manager(name) and is_alive(process):
                await self._wait(name, {})

    async def _start_storage(self, name_nodes: Sequence[str]) -> None:
        if self.key_server_port is None:
            await self._start_hdfs(name_nodes)
            return
        async with task_group() as group:
            group.create_task(self.start(KEY_SERVER_DAEMON, {}), name="start the key server")
            group.create_task(self._start_hdfs(name_nodes), name="start HDFS")
        made = self.java.layout.zone_made
        if not made.is_file():
            command = [sys.executable, "-m", encryption_zone.__name__, KEY, ZONE]
            await self._run_as_superuser(name_nodes[0], command)
            made.touch()

    async def _start_hdfs(self, name_nodes: Sequence[str]) -> None:
        layout = self.java.layout
        first, *others = name_nodes
        if not self._has_image(first):
            command = self.java.command(first, "-format", "-force", "-nonInteractive")
            await run_program(command, self.java.environment)
        for daemon in (first, DATA_NODE):
            self._start(daemon)
        await self._wait(first, {})
        for daemon in others:
            if not self._has_image(daemon):
                copy = self.java.command(daemon, "-bootstrapStandby", "-force", "-nonInteractive")
                await self._run_as_superuser(first, copy)
            self._start(daemon)
            await self._wait(daemon, {})
        if others:
            await self._activate(first)
        command = [sys.executable, folders.__file__, str(layout.conf)]
        wanted = folders.encode_folders(
            hdfs_folders(self.superuser, zone=self.key_server_port is not None)
        )
        await self._run_as_superuser(first, command, wanted)
        await self._wait(DATA_NODE, {})

    def _has_image(self, name_node: str) -> bool:
        """Whether a NameNode was started before."""
        return (self.java.layout.name_folder(name_node) / "current" / "VERSION").is_file()

    async def _run_as_superuser(
        self, name_node: str, command: Sequence[str], stdin: bytes = b""
    ) -> None:
        """Run a program that needs a NameNode, as the superuser, with retries.

        On a busy machine, a NameNode may refuse calls for a while after it is ready.
        """
        await run_with_retries(
            command,
            await self._superuser_environment(),
            stdin=stdin,
            deadline=READY_TIMEOUT,
            give_up=lambda: not is_alive(self.processes[name_node]),
        )

    async def _activate(self, name_node: str) -> None:
        """Make one of a pair of NameNodes active, and wait until it is."""
        hdfs = str(self.java.layout.programs / "hdfs")
        command = [hdfs, "haadmin", "-transitionToActive", name_node_id(name_node)]
        await self._run_as_superuser(name_node, command)
        await wait_until_ready(
            name_node,
            self.processes[name_node],
            log=self.java.layout.log(name_node),
            ready=lambda: self.readiness.is_active(name_node),
            deadline=READY_TIMEOUT,
        )

    async def _superuser_environment(self) -> Mapping[str, str]:
        if self.realm is None:
            return self.java.environment
        ccache = self.java.layout.kerberos / "superuser.ccache"
        await self.realm.kinit(self.superuser, ccache)
        return {**self.java.environment, "KRB5CCNAME": f"FILE:{ccache}"}

    def _start(self, daemon: str) -> None:
        layout = self.java.layout
        if daemon == KDC_DAEMON and self.realm is not None:
            command = self.realm.kdc_command()
            environment: Mapping[str, str] = {**self.java.environment, **self.realm.environment}
        else:
            command, environment = self.java.command(daemon), self.java.environment
        self.processes[daemon] = start_process(
            command, environment, folder=layout.root, log=layout.log(daemon)
        )

    async def _start_yarn(self, names: DaemonNames) -> None:
        if self.zookeeper_port is not None:
            await self.start(ZOOKEEPER_DAEMON, {})
        daemons = (*names.resource_managers, *names.node_managers, *names.routers)
        for daemon in daemons:
            self._start(daemon)
        for daemon in daemons:
            await self._wait(daemon, {})

    async def _wait(self, daemon: str, earlier: Mapping[str, int]) -> None:
        await wait_until_ready(
            daemon,
            self.processes[daemon],
            log=self.java.layout.log(daemon),
            ready=self._ready_check(daemon, earlier),
            deadline=READY_TIMEOUT,
        )

    def _ready_check(
        self, daemon: str, earlier: Mapping[str, int]
    ) -> Callable[[], Awaitable[bool]]:
        match daemon:
            case "kdc" if self.realm is not None:
                return self.realm.is_ready
            case "zookeeper" if self.zookeeper_port is not None:
                port = self.zookeeper_port
                return lambda: accepts_connections(port)
            case "kms" if self.key_server_port is not None:
                key_server = self.key_server_port
                return lambda: accepts_connections(key_server)
            case _ if is_name_node(daemon):
                return lambda: self.readiness.name_node(daemon)
            case "router":
                return self.readiness.router
            case "datanode":
                return self.readiness.data_node
            case _ if is_resource_manager(daemon):
                return lambda: self.readiness.resource_manager(daemon)
            case _:
                return lambda: self.readiness.node_manager(daemon, earlier)

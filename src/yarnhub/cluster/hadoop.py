"""A real Hadoop cluster on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.access import ClusterAccess
from yarnhub.cluster.daemon_names import DaemonNames, name_nodes, resource_managers
from yarnhub.cluster.daemons.java import JavaCommands
from yarnhub.cluster.daemons.readiness import Readiness
from yarnhub.cluster.daemons.reaper import Reaper
from yarnhub.cluster.daemons.startup import Daemons
from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.host import Host
from yarnhub.cluster.jars import ROUTER_SUFFIX, provide_jars
from yarnhub.cluster.java import find_java
from yarnhub.cluster.native import NATIVE, check_library, write_library
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.ports import KDC, ZOOKEEPER, choose_ports, port_names
from yarnhub.cluster.preparation import (
    link_jars,
    prepare_folders,
    prepare_shared_files,
    write_configuration,
)
from yarnhub.cluster.processes.process import (
    MARK,
    is_alive,
    send_signal,
    stop_processes,
    wait_until_gone,
)
from yarnhub.cluster.processes.shutdown import stop_cluster
from yarnhub.cluster.security.principals import HDFS_USER
from yarnhub.cluster.security.realm import (
    Realm,
    check_host,
    check_world_accessible,
)
from yarnhub.cluster.site.federation import resource_manager_address
from yarnhub.cluster.site.inputs import SiteInputs
from yarnhub.cluster.site.key_server import check_key_server
from yarnhub.cluster.state.layout import Layout
from yarnhub.cluster.state.lock import file_lock
from yarnhub.cluster.state.record import Record, read_record, write_record
from yarnhub.hadoop.trust import Trust

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from yarnhub.cluster.jars import Report

LOCK_TIMEOUT = 120.0
"""Seconds to wait for another process that starts or stops the cluster."""
STOP_TIMEOUT = 10.0
"""Seconds for one daemon to exit."""


def _no_report(_what: str, _done: int, _total: int) -> None:
    """Ignore the progress."""


class HadoopCluster(ClusterAccess):
    """NameNode, DataNode, ResourceManager and NodeManagers on this machine.

        async with HadoopCluster(nodes=2) as cluster:
            subprocess.run(["yarn", "node", "-list"], env=cluster.env)

    The cluster stops when the process that started it exits, even if it is killed. With
    `detached=True`, it runs until it is stopped.

    Args:
        options: The options of the cluster.
        detached: Whether it keeps running when this process exits.
        host: The machine and the calling user; None reads the process's environment.
        report: Called with the progress of long steps, such as the download of jars.
        changes: Fields of `ClusterOptions` that replace those of `options`.
    """

    def __init__(
        self,
        options: ClusterOptions | None = None,
        *,
        detached: bool = False,
        host: Host | None = None,
        report: Report = _no_report,
        **changes: Any,  # checked by ClusterOptions
    ) -> None:
        chosen = dataclasses.replace(options or ClusterOptions(), **changes)
        super().__init__(chosen, host or Host.from_environment())
        self._detached = detached
        self._report = report
        self._reaper: Reaper | None = None

    @classmethod
    def attach(cls, state: Path, *, host: Host | None = None) -> Self:
        """The cluster with this state folder, as it was last started.

        Raises:
            ClusterError: No cluster was ever started with it.
        """
        layout = Layout(state.resolve())
        record = read_record(layout)
        if record is None:
            raise ClusterError(f"{layout.root} is not the state folder of a cluster")
        cluster = cls(record.options, detached=True, host=host)
        cluster._layout = layout
        cluster._record = record
        return cluster

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start all daemons and wait until they are ready.

        When it fails or is cancelled, the started daemons are stopped.

        Raises:
            ClusterError: A daemon did not start, or the state folder is in use.
            ConfigurationError: The cluster needs something that is not installed.
        """
        if self.options.kerberos:
            check_host(self.host)
        if self.options.native:
            check_library(self.options.hadoop)
        java = find_java(self.host, chosen=self.options.java_home, kerberos=self.options.kerberos)
        jars = await self.provide()
        if self.options.encryption_zone:
            check_key_server(self.options.hadoop, jars)
        layout = self._layout = self._make_layout()
        async with file_lock(layout.lock, deadline=LOCK_TIMEOUT):
            earlier = read_record(layout)
            if earlier is not None and any(map(is_alive, earlier.processes.values())):
                raise ClusterError(f"a cluster in {layout.root} is already running")
            self._check_same_kind(layout, earlier)
            if not self._detached:
                temporary = self.options.state is None
                self._reaper = Reaper(layout.root, self.host.environment, delete=temporary)
            try:
                await self._start(layout, java.home, jars, earlier)
            except BaseException:
                await self._stop_daemons()
                if self._record is None and self.options.state is None:
                    await self._delete()  # no daemon was started: no logs to keep
                raise

    def _check_same_kind(self, layout: Layout, earlier: Record | None) -> None:
        """HDFS's files cannot be read by another Hadoop version or with other user names."""
        if earlier is None:
            return
        kinds = [
            f"Hadoop {options.hadoop} with{'' if options.kerberos else 'out'} Kerberos and "
            f"with {len(name_nodes(ha=options.name_node_ha))} NameNodes"
            for options in (earlier.options, self.options)
        ]
        if kinds[0] != kinds[1]:
            raise ConfigurationError(
                f"{layout.root} contains a cluster of {kinds[0]}, not of {kinds[1]}: choose "
                "another state folder, or delete it with `yarnhub cluster stop --delete`"
            )

    async def _start(
        self, layout: Layout, java_home: Path, jars: Path, earlier: Record | None
    ) -> None:
        names = DaemonNames.of(self.options)
        ports = choose_ports(port_names(names), earlier.ports if earlier else {})
        prepare_folders(layout)
        if self.options.federation:
            link_jars(
                await self._provide(f"{self.options.hadoop}{ROUTER_SUFFIX}"), layout.router_jars
            )
        if self.options.native:
            write_library(await self._provide(NATIVE), layout.native)
        if self.options.kerberos:
            check_world_accessible(layout.root)
            check_world_accessible(java_home)
            jars = prepare_shared_files(layout, jars)
        inputs = SiteInputs(self.options, layout, jars, self.host.user, ports)
        write_configuration(inputs, names.node_managers, java_home)
        self._record = Record(self.options, jars, java_home, ports, {})
        async with self._daemons() as daemons:
            try:
                await daemons.start_all(names)
            finally:
                self._save(daemons)

    async def provide(self) -> Path:
        """Download the jars without starting anything; returns their folder.

        Cancelling leaves complete jars behind, which the next call uses.

        Raises:
            DownloadError: A jar could not be downloaded.
        """
        return await self._provide(self.options.hadoop)

    async def _provide(self, version: str) -> Path:
        return await provide_jars(
            version,
            self.host.cache,
            repository=self.options.maven_repository,
            report=self._report,
        )

    async def stop(self, *, delete: bool | None = None) -> None:
        """Stop all daemons and containers. Does nothing if the cluster is not running.

        Cancelling may leave processes running; call it again.

        Args:
            delete: Whether to delete the state folder; None deletes only a temporary one.
        """
        if self._layout is None:
            return
        async with file_lock(self._layout.lock, deadline=LOCK_TIMEOUT):
            await self._stop_daemons()
            if delete or (delete is None and self.options.state is None):
                await self._delete()

    async def kill(self, daemon: str) -> None:
        """Kill a daemon with SIGKILL and wait until it has exited. Containers keep running."""
        process = self._process(daemon)
        send_signal(process, signal.SIGKILL)
        if not await wait_until_gone([process], deadline=STOP_TIMEOUT):
            raise ClusterError(
                f"{daemon} (pid {process.pid}) has not exited after {STOP_TIMEOUT:g} s"
            )

    async def restart(self, daemon: str) -> None:
        """Stop a daemon if it is running, start it again and wait until it is ready.

        Containers keep running. Cancelling may leave the daemon started but not ready.
        """
        process = self._process(daemon)
        async with self._daemons() as daemons:
            earlier = await daemons.readiness.registrations()
            await stop_processes([process], grace_period=STOP_TIMEOUT)
            try:
                await daemons.start(daemon, earlier)
            finally:
                self._save(daemons)

    async def active_resource_manager(self) -> str:
        """The name of the ResourceManager that is active.

        Raises:
            ClusterError: None is active at the moment.
        """
        async with self._daemons() as daemons:
            active = await daemons.readiness.active_resource_manager()
        if active is None:
            raise ClusterError("no ResourceManager is active")
        return active

    async def failover(self) -> str:
        """Kill the active ResourceManager and wait until the other one is active and has its nodes.

        It takes as long as the session of the killed one in ZooKeeper. Cancelling leaves it killed.

        Returns:
            The name of the killed one, for `restart`.

        Raises:
            ClusterError: The other one does not exist or is not running.
        """
        killed = await self.active_resource_manager()
        others = [name for name in resource_managers(ha=self.options.ha) if name != killed]
        if not any(self.pids[name] for name in others):
            raise ClusterError(f"no ResourceManager other than {killed} is running")
        await self.kill(killed)
        async with self._daemons() as daemons:
            await daemons.wait_for_nodes()
        return killed

    async def _stop_daemons(self) -> None:
        processes = self._record.processes.values() if self._record else ()
        await stop_cluster(self._started_layout().root, processes)
        if self._reaper is not None:
            await self._reaper.release()
            self._reaper = None

    async def _delete(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self._started_layout().root, ignore_errors=True)
        self._layout = self._record = None

    def _make_layout(self) -> Layout:
        if self._layout is not None:
            return self._layout
        if self.options.state is None:
            root = Path(tempfile.mkdtemp(prefix="yarnhub-cluster-"))
            if self.options.kerberos:
                root.chmod(0o755)  # containers of other OS users must be able to enter it
        else:
            root = self.options.state
            root.mkdir(parents=True, exist_ok=True)
        return Layout(root.resolve())

    @contextlib.asynccontextmanager
    async def _daemons(self) -> AsyncIterator[Daemons]:
        layout, record = self._started_layout(), self._started_record()
        environment = {**self.env, MARK: str(layout.root)}
        environment.pop("JAVA_TOOL_OPTIONS", None)  # the daemons get it as a flag
        secure, tls = self.options.kerberos, self.options.tls
        java = JavaCommands(
            layout,
            record.jars,
            record.java_home,
            self.options.kerberos,
            environment,
            resource_manager_address(record.ports) if self.options.federation else "",
            self.options.native,
        )
        import httpx

        # The daemons are on loopback: the caller's proxy must not be used.
        verify = Trust(layout.ca.read_text(encoding="ascii")).context if tls else True
        async with httpx.AsyncClient(trust_env=False, verify=verify) as client:
            yield Daemons(
                java=java,
                readiness=Readiness(
                    client, record.ports, resource_managers(ha=self.options.ha), tls=tls
                ),
                zookeeper_port=record.ports.get(ZOOKEEPER),
                processes=dict(record.processes),
                superuser=HDFS_USER if secure else self.host.user,
                realm=Realm(layout, self.host, record.ports[KDC]) if secure else None,
                key_server_port=self._key_server_port,
            )

    def _save(self, daemons: Daemons) -> None:
        self._record = dataclasses.replace(self._started_record(), processes=daemons.processes)
        write_record(self._started_layout(), self._record)

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
from yarnhub.cluster.configuration import Plan
from yarnhub.cluster.daemon import JavaDaemons, node_managers
from yarnhub.cluster.ending import end_cluster
from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.host import Host
from yarnhub.cluster.jars import provide_jars
from yarnhub.cluster.java import find_java
from yarnhub.cluster.kerberos import (
    WITH_KEYTAB,
    Realm,
    check_host,
    check_reachable,
    kerberos_variables,
)
from yarnhub.cluster.layout import Layout
from yarnhub.cluster.lock import file_lock
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.ports import KDC, choose_ports, port_names
from yarnhub.cluster.preparation import prepare_folders, prepare_shared_files, write_configuration
from yarnhub.cluster.process import MARK, end_processes, is_alive, send_signal, wait_until_gone
from yarnhub.cluster.readiness import Readiness
from yarnhub.cluster.reaper import Reaper
from yarnhub.cluster.record import Record, read_record, write_record
from yarnhub.cluster.security import HDFS_USER, HOST, REALM
from yarnhub.cluster.services import Services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from yarnhub.cluster.jars import Report
    from yarnhub.cluster.process import Process

LOCK_DEADLINE = 120.0
STOP_PATIENCE = 10.0


def _no_report(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


class HadoopCluster:
    """NameNode, DataNode, ResourceManager and NodeManagers on this machine.

        async with HadoopCluster(nodes=2) as cluster:
            subprocess.run(["yarn", "node", "-list"], env=cluster.env)

    The cluster ends with the process that started it, even when that is killed; one started
    with `detached=True` runs until somebody stops it.

    Args:
        options: How the cluster is to be.
        detached: Whether it outlives this process.
        host: The machine and the calling user; None reads the process's environment.
        report: Called while something long is done, e.g. jars are downloaded.
        changes: Fields of `ClusterOptions` that replace those of `options`.
    """

    def __init__(
        self,
        options: ClusterOptions | None = None,
        *,
        detached: bool = False,
        host: Host | None = None,
        report: Report = _no_report,
        **changes: Any,  # each is checked by ClusterOptions, which names the wrong one
    ) -> None:
        self.options = dataclasses.replace(options or ClusterOptions(), **changes)
        self.host = host or Host.from_environment()
        self._detached = detached
        self._report = report
        self._layout: Layout | None = None
        self._record: Record | None = None
        self._reaper: Reaper | None = None

    @classmethod
    def attach(cls, state: Path, *, host: Host | None = None) -> Self:
        """The cluster with this state folder, as it was last started.

        Raises:
            ClusterError: None was ever started there.
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

        When it fails or is cancelled, what was started is ended again.

        Raises:
            ClusterError: A daemon did not start, or the state folder is in use.
            ConfigurationError: Something that the cluster needs is missing.
        """
        if self.options.kerberos:
            check_host(self.host)
        java = find_java(self.host, chosen=self.options.java_home, kerberos=self.options.kerberos)
        jars = await self.provide()
        layout = self._layout = self._make_layout()
        async with file_lock(layout.lock, deadline=LOCK_DEADLINE):
            earlier = read_record(layout)
            if earlier is not None and any(map(is_alive, earlier.processes.values())):
                raise ClusterError(f"a cluster with the state folder {layout.root} runs already")
            self._check_same_kind(layout, earlier)
            if not self._detached:
                temporary = self.options.state is None
                self._reaper = Reaper(layout.root, self.host.environment, delete=temporary)
            try:
                await self._start(layout, java.home, jars, earlier)
            except BaseException:
                await self._end()
                if self._record is None and self.options.state is None:
                    await self._delete()  # no daemon was started: there are no logs to look at
                raise

    def _check_same_kind(self, layout: Layout, earlier: Record | None) -> None:
        """HDFS's files can't be read by another Hadoop, nor under other user names."""
        if earlier is None:
            return
        kinds = [
            f"Hadoop {options.hadoop} {'with' if options.kerberos else 'without'} Kerberos"
            for options in (earlier.options, self.options)
        ]
        if kinds[0] != kinds[1]:
            raise ConfigurationError(
                f"{layout.root} holds a cluster of {kinds[0]}, not of {kinds[1]}: choose another "
                "state folder, or delete it with `yarnhub cluster stop --delete`"
            )

    async def _start(
        self, layout: Layout, java_home: Path, jars: Path, earlier: Record | None
    ) -> None:
        managers = node_managers(self.options.nodes)
        ports = choose_ports(port_names(managers), earlier.ports if earlier else {})
        prepare_folders(layout)
        if self.options.kerberos:
            check_reachable(layout.root)
            check_reachable(java_home)
            jars = prepare_shared_files(layout, jars)
        plan = Plan(self.options, layout, jars, self.host.user, ports)
        write_configuration(plan, managers, java_home)
        self._record = Record(self.options, jars, java_home, ports, {})
        async with self._services() as services:
            try:
                await services.start_all(managers)
            finally:
                self._save(services)

    async def provide(self) -> Path:
        """Download what the cluster needs, and start nothing; returns the folder of jars.

        Cancelling leaves complete jars behind, which the next call uses.

        Raises:
            DownloadError: A jar could not be fetched.
        """
        return await provide_jars(
            self.options.hadoop,
            self.host.cache,
            repository=self.options.maven_repository,
            report=self._report,
        )

    async def stop(self, *, delete: bool | None = None) -> None:
        """End all daemons and containers. Does nothing when the cluster does not run.

        Cancelling may leave processes running; call it again.

        Args:
            delete: Whether to delete the state folder; None deletes a temporary one only.
        """
        if self._layout is None:
            return
        async with file_lock(self._layout.lock, deadline=LOCK_DEADLINE):
            await self._end()
            if delete or (delete is None and self.options.state is None):
                await self._delete()

    async def kill(self, daemon: str) -> None:
        """Kill a daemon with SIGKILL and wait until it is gone. Containers go on running."""
        process = self._process(daemon)
        send_signal(process, signal.SIGKILL)
        if not await wait_until_gone([process], deadline=STOP_PATIENCE):
            raise ClusterError(f"{daemon} (pid {process.pid}) does not end")

    async def restart(self, daemon: str) -> None:
        """End a daemon unless it has ended, start it again and wait until it is ready.

        Containers go on running. Cancelling may leave the daemon started and not yet ready.
        """
        process = self._process(daemon)
        async with self._services() as services:
            earlier = await services.readiness.registrations()
            await end_processes([process], patience=STOP_PATIENCE)
            try:
                await services.start(daemon, earlier)
            finally:
                self._save(services)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self._started_layout().root

    @property
    def conf_dir(self) -> Path:
        """`HADOOP_CONF_DIR`: complete site files, for clients too."""
        return self._started_layout().conf

    @property
    def variables(self) -> Mapping[str, str]:
        """What a program needs in its environment, PATH left aside."""
        variables = {
            "HADOOP_CONF_DIR": str(self.conf_dir),
            "YARN_CONF_DIR": str(self.conf_dir),
            "JAVA_HOME": str(self.java_home),
        }
        if self.options.kerberos:
            variables |= kerberos_variables(self._started_layout())
        return variables

    @property
    def env(self) -> Mapping[str, str]:
        """A whole environment for programs that use the cluster."""
        path = ":".join([*map(str, self.path_entries), self.host.path])
        return {**self.host.environment, **self.variables, "PATH": path}

    @property
    def path_entries(self) -> list[Path]:
        """Folders that belong in front of PATH: the wrappers and Java."""
        return [self._started_layout().programs, self.java_home / "bin"]

    @property
    def java_home(self) -> Path:
        """The Java that the daemons run on."""
        return self._started_record().java_home

    @property
    def jars(self) -> list[Path]:
        """Hadoop's jars."""
        return sorted(self._started_record().jars.glob("*.jar"))

    @property
    def classpath(self) -> str:
        """A class path for clients in Java."""
        return ":".join(map(str, (self.conf_dir, *self.jars)))

    @property
    def resource_manager_address(self) -> tuple[str, int]:
        """Where the ResourceManager serves clients."""
        return self._address("yarn.resourcemanager.address")

    @property
    def scheduler_address(self) -> tuple[str, int]:
        """Where the ResourceManager serves ApplicationMasters."""
        return self._address("yarn.resourcemanager.scheduler.address")

    @property
    def name_node_address(self) -> tuple[str, int]:
        """Where the NameNode serves clients."""
        return self._address("dfs.namenode.rpc-address")

    @property
    def web_hdfs_url(self) -> str:
        """The base of WebHDFS, without a slash at its end."""
        host, port = self._address("dfs.namenode.http-address")
        return f"http://{host}:{port}/webhdfs/v1"

    @property
    def rm_web_url(self) -> str:
        """The ResourceManager's web address, without a slash at its end."""
        host, port = self._address("yarn.resourcemanager.webapp.address")
        return f"http://{host}:{port}"

    @property
    def pids(self) -> Mapping[str, int | None]:
        """The process number of each daemon; None for one that does not run."""
        processes = self._started_record().processes
        return {n: p.pid if is_alive(p) else None for n, p in processes.items()}

    def address(self, daemon: str) -> str:
        """Where a daemon listens, as `host:port`."""
        server = {
            "namenode": "dfs.namenode.rpc-address",
            "datanode": "dfs.datanode.address",
            "resourcemanager": "yarn.resourcemanager.address",
            "kdc": "kdc",
        }.get(daemon, f"{daemon}/yarn.nodemanager.address")
        host, port = self._address(server)
        return f"{host}:{port}"

    @property
    def realm(self) -> str | None:
        """The Kerberos realm; None without Kerberos."""
        return REALM if self.options.kerberos else None

    def keytab(self, user: str) -> Path:
        """The keytab of a user: alice, bob, jupyterhub, dask, or the administrators hdfs, yarn.

        Raises:
            ConfigurationError: There is none.
        """
        if not self.options.kerberos or user not in WITH_KEYTAB:
            raise ConfigurationError(f"the cluster has no keytab for {user!r}")
        return self._started_layout().keytab(user)

    async def kinit(self, user: str, ccache: Path) -> None:
        """Put a ticket of the user, from the user's keytab, into a ticket cache.

        Programs use it with `KRB5CCNAME=FILE:...` beside the variables of `env`.

        Raises:
            ConfigurationError: There is no keytab for the user.
        """
        self.keytab(user)
        realm = Realm(self._started_layout(), self.host, self._started_record().ports[KDC])
        await realm.kinit(user, ccache)

    def log_path(self, daemon: str) -> Path:
        """The log of a daemon.

        Raises:
            ConfigurationError: The cluster has no daemon of this name.
        """
        self._process(daemon)
        return self._started_layout().log(daemon)

    async def _end(self) -> None:
        processes = self._record.processes.values() if self._record else ()
        await end_cluster(self._started_layout().root, processes)
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
    async def _services(self) -> AsyncIterator[Services]:
        layout, record = self._started_layout(), self._started_record()
        environment = {**self.env, MARK: str(layout.root)}
        environment.pop("JAVA_TOOL_OPTIONS", None)  # the daemons have it as a flag
        secure = self.options.kerberos
        daemons = JavaDaemons(
            layout, record.jars, record.java_home, self.options.kerberos, environment
        )
        import httpx

        # The daemons are on loopback: no proxy of the caller's is to be asked for them.
        async with httpx.AsyncClient(trust_env=False) as client:
            yield Services(
                daemons=daemons,
                readiness=Readiness(client, record.ports),
                processes=dict(record.processes),
                superuser=HDFS_USER if secure else self.host.user,
                realm=Realm(layout, self.host, record.ports[KDC]) if secure else None,
            )

    def _save(self, services: Services) -> None:
        self._record = dataclasses.replace(self._started_record(), processes=services.processes)
        write_record(self._started_layout(), self._record)

    def _process(self, daemon: str) -> Process:
        processes = self._started_record().processes
        if daemon not in processes:
            known = ", ".join(processes)
            raise ConfigurationError(f"the cluster has no daemon {daemon!r}, but {known}")
        return processes[daemon]

    def _address(self, server: str) -> tuple[str, int]:
        return HOST, self._started_record().ports[server]

    def _started_layout(self) -> Layout:
        if self._layout is None:
            raise ClusterError("the cluster was not started")
        return self._layout

    def _started_record(self) -> Record:
        if self._record is None:
            raise ClusterError("the cluster was not started")
        return self._record

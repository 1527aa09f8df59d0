"""What programs need to use a cluster: addresses, folders, environment and keytabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.daemon_names import (
    is_name_node,
    is_node_manager,
    is_resource_manager,
    name_nodes,
    resource_managers,
)
from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.ports import (
    HOST,
    KDC,
    KEY_SERVER,
    name_node_port,
    node_port,
    resource_manager_port,
)
from yarnhub.cluster.processes.process import is_alive
from yarnhub.cluster.security.principals import REALM
from yarnhub.cluster.security.realm import KEYTAB_USERS, Realm, kerberos_variables
from yarnhub.cluster.site.key_server import ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster.host import Host
    from yarnhub.cluster.options import ClusterOptions
    from yarnhub.cluster.processes.process import Process
    from yarnhub.cluster.state.layout import Layout
    from yarnhub.cluster.state.record import Record


class ClusterAccess:
    """What programs need to use a cluster. Each attribute raises ClusterError before the start.

    Args:
        options: The options of the cluster.
        host: The machine and the calling user.
    """

    def __init__(self, options: ClusterOptions, host: Host) -> None:
        self.options = options
        self.host = host
        self._layout: Layout | None = None
        self._record: Record | None = None

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
        """The environment variables that a program needs, without PATH."""
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
        """A complete environment for programs that use the cluster."""
        path = ":".join([*map(str, self.path_entries), self.host.path])
        return {**self.host.environment, **self.variables, "PATH": path}

    @property
    def path_entries(self) -> list[Path]:
        """Folders to put in front of PATH: the wrappers and Java."""
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
        """The ResourceManager's address for clients; of a pair, the first one's."""
        return self._resource_manager("yarn.resourcemanager.address")

    @property
    def scheduler_address(self) -> tuple[str, int]:
        """The ResourceManager's address for ApplicationMasters; of a pair, the first one's."""
        return self._resource_manager("yarn.resourcemanager.scheduler.address")

    @property
    def name_node_address(self) -> tuple[str, int]:
        """The NameNode's address for clients; of a pair, the first one's."""
        return self._name_node("dfs.namenode.rpc-address")

    @property
    def web_hdfs_url(self) -> str:
        """The base of WebHDFS, without a slash at its end."""
        host, port = self._name_node("dfs.namenode.http-address")
        return f"{self._scheme}://{host}:{port}/webhdfs/v1"

    @property
    def rm_web_url(self) -> str:
        """The ResourceManager's web address, without a slash at its end; of a pair, the first's.

        The one on standby redirects browsers to the active one.
        """
        host, port = self._resource_manager("yarn.resourcemanager.webapp.address")
        return f"{self._scheme}://{host}:{port}"

    @property
    def ca_file(self) -> Path | None:
        """The CA certificate of its HTTPS servers, in PEM; None without HTTPS."""
        return self._started_layout().ca if self.options.tls else None

    @property
    def encryption_zone(self) -> str | None:
        """The folder in HDFS whose files are encrypted; None without an encryption zone."""
        return ZONE if self.options.encryption_zone else None

    @property
    def _key_server_port(self) -> int | None:
        return self._started_record().ports[KEY_SERVER] if self.options.encryption_zone else None

    @property
    def _scheme(self) -> str:
        return "https" if self.options.tls else "http"

    @property
    def pids(self) -> Mapping[str, int | None]:
        """The process ID of each daemon; None if it is not running."""
        processes = self._started_record().processes
        return {n: p.pid if is_alive(p) else None for n, p in processes.items()}

    def address(self, daemon: str) -> str:
        """The address of a daemon, as `host:port`."""
        if is_node_manager(daemon):
            server = node_port(daemon, "yarn.nodemanager.address")
        elif is_resource_manager(daemon):
            server = resource_manager_port(daemon, "yarn.resourcemanager.address")
        elif is_name_node(daemon):
            server = name_node_port(daemon, "dfs.namenode.rpc-address")
        else:
            server = {
                "datanode": "dfs.datanode.address",
                "router": "yarn.router.clientrm.address",
            }.get(daemon, daemon)
        host, port = self._address(server)
        return f"{host}:{port}"

    @property
    def realm(self) -> str | None:
        """The Kerberos realm; None without Kerberos."""
        return REALM if self.options.kerberos else None

    def keytab(self, user: str) -> Path:
        """The keytab of a user: alice, bob, jupyterhub, dask, or the administrators hdfs, yarn.

        Raises:
            ConfigurationError: The user has no keytab.
        """
        if not self.options.kerberos or user not in KEYTAB_USERS:
            raise ConfigurationError(f"the cluster has no keytab for {user!r}")
        return self._started_layout().keytab(user)

    async def kinit(self, user: str, ccache: Path) -> None:
        """Get a ticket with the user's keytab into a ticket cache.

        Programs use it with `KRB5CCNAME=FILE:...` in addition to the variables of `env`.

        Raises:
            ConfigurationError: The user has no keytab.
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

    def _process(self, daemon: str) -> Process:
        processes = self._started_record().processes
        if daemon not in processes:
            known = ", ".join(processes)
            raise ConfigurationError(f"the cluster has no daemon {daemon!r}; it has {known}")
        return processes[daemon]

    def _name_node(self, server: str) -> tuple[str, int]:
        first = name_nodes(ha=self.options.name_node_ha)[0]
        return self._address(name_node_port(first, server))

    def _resource_manager(self, server: str) -> tuple[str, int]:
        first = resource_managers(ha=self.options.ha)[0]
        return self._address(resource_manager_port(first, server))

    def _address(self, server: str) -> tuple[str, int]:
        return HOST, self._started_record().ports[server]

    def _started_layout(self) -> Layout:
        if self._layout is None:
            raise ClusterError("the cluster has not been started")
        return self._layout

    def _started_record(self) -> Record:
        if self._record is None:
            raise ClusterError("the cluster has not been started")
        return self._record

"""The files in a cluster's state folder."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """The state folder of one cluster.

    Attributes:
        root: The folder itself, absolute.
    """

    root: Path

    @property
    def record(self) -> Path:
        """The record: options, ports, processes."""
        return self.root / "cluster.json"

    @property
    def lock(self) -> Path:
        """Held while the cluster is started or stopped."""
        return self.root / "lock"

    @property
    def conf(self) -> Path:
        """`HADOOP_CONF_DIR`."""
        return self.root / "conf"

    @property
    def programs(self) -> Path:
        """The wrappers `hadoop`, `hdfs` and `yarn`."""
        return self.root / "bin"

    @property
    def logs(self) -> Path:
        """One log per daemon."""
        return self.root / "logs"

    @property
    def resources(self) -> Path:
        """A folder on the daemons' class path, with folders that HDFS's daemons require."""
        return self.root / "resources"

    @property
    def jars(self) -> Path:
        """A copy of the jars that every OS user can read; with Kerberos only."""
        return self.root / "jars"

    @property
    def native(self) -> Path:
        """Hadoop's native library, for NodeManagers and their localizers; with this option only."""
        return self.root / "native"

    @property
    def hdfs(self) -> Path:
        """HDFS's data."""
        return self.root / "hdfs"

    def name_folder(self, daemon: str) -> Path:
        """A NameNode's image and edits."""
        return self.hdfs / daemon.replace("namenode", "name")

    @property
    def shared_edits(self) -> Path:
        """The edits of a pair of NameNodes."""
        return self.hdfs / "edits"

    @property
    def data_folder(self) -> Path:
        """The DataNode's blocks."""
        return self.hdfs / "data"

    @property
    def keys(self) -> Path:
        """The keys of encryption zones; with Kerberos only."""
        return self.hdfs / "keys.jceks"

    @property
    def zone_made(self) -> Path:
        """A file that exists once the encryption zone does."""
        return self.hdfs / "zone-made"

    @property
    def yarn(self) -> Path:
        """YARN's data; emptied at each start."""
        return self.root / "yarn"

    @property
    def resource_manager_store(self) -> Path:
        """The ResourceManager's state store: tokens, and the keys that sign them."""
        return self.yarn / "resourcemanager"

    @property
    def fair_scheduler(self) -> Path:
        """The queues of the FairScheduler."""
        return self.conf / "fair-scheduler.xml"

    @property
    def machine_list(self) -> Path:
        """The cluster of each node; with a federation only."""
        return self.conf / "machines"

    @property
    def router_jars(self) -> Path:
        """The Router's additional jars; with a federation only."""
        return self.root / "router"

    @property
    def zookeeper(self) -> Path:
        """ZooKeeper's data; with a pair of ResourceManagers or a federation only."""
        return self.yarn / "zookeeper"

    @property
    def zookeeper_properties(self) -> Path:
        """The configuration of ZooKeeper."""
        return self.root / "zookeeper.properties"

    @property
    def temporary(self) -> Path:
        """The daemons' `java.io.tmpdir`."""
        return self.root / "tmp"

    @property
    def kerberos(self) -> Path:
        """The KDC's database, its configuration and the keytabs."""
        return self.root / "kerberos"

    @property
    def zookeeper_auth(self) -> Path:
        """The login of a pair of ResourceManagers at ZooKeeper, with the password."""
        return self.kerberos / "zookeeper.auth"

    @property
    def zookeeper_acl(self) -> Path:
        """The ACL of the pair's data in ZooKeeper: only the pair itself."""
        return self.kerberos / "zookeeper.acl"

    @property
    def keytabs(self) -> Path:
        """The keytabs, each readable by its owner only."""
        return self.kerberos / "keytabs"

    @property
    def service_keytab(self) -> Path:
        """The keys of all daemons."""
        return self.keytabs / "services.keytab"

    def keytab(self, user: str) -> Path:
        """The keys of one user."""
        return self.keytabs / f"{user}.keytab"

    @property
    def tls(self) -> Path:
        """The certificates of the HTTPS servers; with Kerberos only."""
        return self.root / "tls"

    @property
    def ca(self) -> Path:
        """The certificate of their CA, in PEM."""
        return self.tls / "ca.pem"

    @property
    def truststore(self) -> Path:
        """The CA's certificate for Java."""
        return self.tls / "truststore.p12"

    @property
    def keystore(self) -> Path:
        """The key and certificate of the HTTPS servers."""
        return self.tls / "keystore.p12"

    @property
    def container_executor(self) -> Path:
        """The program that starts containers as other OS users; with Kerberos only."""
        return self.root / "container-executor"

    def node(self, daemon: str) -> Path:
        """The data of one NodeManager."""
        return self.yarn / daemon

    def node_recovery(self, daemon: str) -> Path:
        """The recovery state of one NodeManager: its containers with their tokens."""
        return self.node(daemon) / "recovery"

    def node_conf(self, daemon: str) -> Path:
        """The configuration of one NodeManager."""
        return self.root / "nodes" / daemon

    def log(self, daemon: str) -> Path:
        """The log of one daemon."""
        return self.logs / f"{daemon}.log"

"""The command lines of the daemons that run on Java."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from yarnhub.cluster.daemon_names import (
    DATA_NODE,
    KEY_SERVER_DAEMON,
    NAME_NODE,
    NODE_MANAGER,
    RESOURCE_MANAGER,
    ROUTER_DAEMON,
    ZOOKEEPER_DAEMON,
    is_name_node,
    is_node_manager,
    is_resource_manager,
    name_node_id,
    resource_manager_id,
)
from yarnhub.cluster.java import java_flags

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster.state.layout import Layout

MAIN_CLASSES = {
    NAME_NODE: "org.apache.hadoop.hdfs.server.namenode.NameNode",
    DATA_NODE: "org.apache.hadoop.hdfs.server.datanode.DataNode",
    KEY_SERVER_DAEMON: "org.apache.hadoop.crypto.key.kms.server.KMSWebServer",
    ROUTER_DAEMON: "org.apache.hadoop.yarn.server.router.Router",
    ZOOKEEPER_DAEMON: "org.apache.zookeeper.server.ZooKeeperServerMain",
    RESOURCE_MANAGER: "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    NODE_MANAGER: "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}
HEAP = ("-Xms48m", "-Xmx512m")
ZOOKEEPER_HEAP = ("-Xms16m", "-Xmx512m")


@dataclasses.dataclass(frozen=True, slots=True)
class JavaCommands:
    """The command lines of a cluster's JVMs."""

    layout: Layout
    jars: Path
    java_home: Path
    secure: bool
    environment: Mapping[str, str]
    client_address: str = ""
    """The ResourceManager's address for clients, if their configuration names another one."""
    native: bool = False
    """Whether NodeManagers load Hadoop's native library."""

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
        if is_node_manager(daemon) and self.native:
            # A NodeManager passes it to its localizers, which run as the owners of containers.
            return [f"-Djava.library.path={self.layout.native}"]
        return []

    def _own_arguments(self, daemon: str) -> list[str]:
        if daemon == ZOOKEEPER_DAEMON:
            return [str(self.layout.zookeeper_properties)]
        if is_resource_manager(daemon) and (name := resource_manager_id(daemon)):
            # The pair is on one host and shares its configuration, which cannot name the ID.
            return [f"-Dyarn.resourcemanager.ha.id={name}"]
        if is_resource_manager(daemon) and self.client_address:
            return [f"-Dyarn.resourcemanager.address={self.client_address}"]
        if is_name_node(daemon) and (name := name_node_id(daemon)):
            return [f"-Ddfs.ha.namenode.id={name}"]
        return []

"""The names of a cluster's daemons."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.cluster.options import ClusterOptions

NAME_NODE = "namenode"
DATA_NODE = "datanode"
KDC_DAEMON = "kdc"
ZOOKEEPER_DAEMON = "zookeeper"
ROUTER_DAEMON = "router"
KEY_SERVER_DAEMON = "kms"
RESOURCE_MANAGER = "resourcemanager"
NODE_MANAGER = "nodemanager"


def node_managers(count: int) -> list[str]:
    """The names of a cluster's NodeManagers."""
    return [f"{NODE_MANAGER}-{number}" for number in range(1, count + 1)]


def name_nodes(*, ha: bool) -> list[str]:
    """The names of a cluster's NameNodes."""
    return [f"{NAME_NODE}-{number}" for number in (1, 2)] if ha else [NAME_NODE]


def name_node_id(daemon: str) -> str:
    """Hadoop's ID of one of a pair of NameNodes; empty for a single one."""
    number = daemon.partition("-")[2]
    return f"nn{number}" if number else ""


def is_name_node(daemon: str) -> bool:
    """Whether the daemon of this name is a NameNode."""
    return daemon.partition("-")[0] == NAME_NODE


def resource_managers(*, ha: bool) -> list[str]:
    """The names of a cluster's ResourceManagers."""
    return [f"{RESOURCE_MANAGER}-{number}" for number in (1, 2)] if ha else [RESOURCE_MANAGER]


def resource_manager_id(daemon: str) -> str:
    """Hadoop's ID of one of a pair of ResourceManagers; empty for a single one."""
    number = daemon.partition("-")[2]
    return f"rm{number}" if number else ""


def is_resource_manager(daemon: str) -> bool:
    """Whether the daemon of this name is a ResourceManager."""
    return daemon.partition("-")[0] == RESOURCE_MANAGER


def is_node_manager(daemon: str) -> bool:
    """Whether the daemon of this name is a NodeManager."""
    return daemon.startswith(f"{NODE_MANAGER}-")


@dataclasses.dataclass(frozen=True, slots=True)
class DaemonNames:
    """The names of those daemons whose number depends on the options."""

    name_nodes: Sequence[str]
    resource_managers: Sequence[str]
    node_managers: Sequence[str]
    routers: Sequence[str]

    @classmethod
    def of(cls, options: ClusterOptions) -> DaemonNames:
        """The daemons of a cluster with these options."""
        return cls(
            name_nodes(ha=options.name_node_ha),
            resource_managers(ha=options.ha),
            node_managers(options.nodes),
            [ROUTER_DAEMON] if options.federation else [],
        )

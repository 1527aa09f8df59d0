"""The documents of the cluster's nodes and queues."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.platform.documents import Document
from yarnhub.yarn.records.cluster import NodeState as YarnNodeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo

_GONE = frozenset(
    {
        YarnNodeState.DECOMMISSIONED,
        YarnNodeState.LOST,
        YarnNodeState.REBOOTED,
        YarnNodeState.SHUTDOWN,
    }
)
"""The states in which a node runs no containers."""


class NodeState(enum.StrEnum):
    """The state of a node, as YARN calls it."""

    NEW = "NEW"
    RUNNING = "RUNNING"
    UNHEALTHY = "UNHEALTHY"
    DECOMMISSIONED = "DECOMMISSIONED"
    LOST = "LOST"
    REBOOTED = "REBOOTED"
    DECOMMISSIONING = "DECOMMISSIONING"
    SHUTDOWN = "SHUTDOWN"


class QueueState(enum.StrEnum):
    """Whether a queue accepts applications, as YARN calls it."""

    STOPPED = "STOPPED"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    UNKNOWN = "UNKNOWN"


class Amount(Document):
    """Of one resource."""

    used: int
    """What containers hold now."""
    total: int
    """What there is."""


class Node(Document):
    """A node."""

    id: str
    """Its host and port."""
    state: NodeState
    rack: str
    labels: tuple[str, ...]
    containers: int
    memory: Amount
    """MiB."""
    vcores: Amount
    health: str
    """What the node reports of its health; empty if nothing is wrong."""


class NodePage(Document):
    """A part of the list of nodes."""

    first: int
    """The position of the first node in the list."""
    total: int
    """The number of nodes in the list."""
    nodes: tuple[Node, ...]


class Queue(Document):
    """A queue."""

    path: str
    """Such as `root.research`."""
    parent: str | None
    state: QueueState
    capacity: float
    """The share of its parent that it is guaranteed, from 0 to 1."""
    maximum_capacity: float
    """The share of its parent that it can use, from 0 to 1."""
    used_capacity: float
    """The share of its guaranteed capacity that it uses; more than 1 if it uses what others do
    not."""
    running: int | None
    """Applications that run; null if YARN does not report them."""
    waiting: int | None
    """Applications that wait for their first container; null if YARN does not report them."""
    labels: tuple[str, ...]
    """The labels of the nodes that it can use; `*` for all."""


class Cluster(Document):
    """The cluster as a whole."""

    nodes: int
    """Nodes that run containers."""
    nodes_by_state: dict[NodeState, int]
    containers: int
    memory: Amount
    """MiB, of the nodes that run containers."""
    vcores: Amount


def cluster(nodes: Iterable[NodeReport]) -> Cluster:
    """The document of a cluster with these nodes."""
    every = tuple(nodes)
    there = [each for each in every if each.node_state not in _GONE]
    states = [NodeState[each.node_state.name] for each in every]
    return Cluster(
        nodes=len(there),
        nodes_by_state={each: states.count(each) for each in NodeState if each in states},
        containers=sum(each.num_containers for each in there),
        memory=Amount(
            used=sum(each.used.memory or 0 for each in there),
            total=sum(each.capability.memory or 0 for each in there),
        ),
        vcores=Amount(
            used=sum(each.used.virtual_cores or 0 for each in there),
            total=sum(each.capability.virtual_cores or 0 for each in there),
        ),
    )


def node(report: NodeReport) -> Node:
    """The document of a node."""
    return Node(
        id=f"{report.node_id.host}:{report.node_id.port}",
        state=NodeState[report.node_state.name],
        rack=report.rack_name,
        labels=tuple(sorted(report.node_labels)),
        containers=report.num_containers,
        memory=Amount(used=report.used.memory or 0, total=report.capability.memory or 0),
        vcores=Amount(
            used=report.used.virtual_cores or 0, total=report.capability.virtual_cores or 0
        ),
        health=clean_and_cut(report.health_report, lines=False),
    )


def queues(root: QueueInfo, parent: str | None = None) -> Iterator[Queue]:
    """The documents of a queue and of all queues below it, each before its children."""
    statistics = root.queue_statistics
    yield Queue(
        path=root.queue_path,
        parent=parent,
        state=QueueState.UNKNOWN if root.state is None else QueueState[root.state.name],
        capacity=max(0.0, root.capacity),
        maximum_capacity=max(0.0, root.maximum_capacity),
        used_capacity=max(0.0, root.current_capacity),
        running=None if statistics is None else statistics.num_apps_running,
        waiting=None if statistics is None else statistics.num_apps_pending,
        labels=tuple(sorted(root.accessible_node_labels)),
    )
    for each in root.child_queues:
        yield from queues(each, root.queue_path)

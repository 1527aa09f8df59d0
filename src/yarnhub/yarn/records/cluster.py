"""Nodes, queues and the cluster as a whole. Source: yarn_protos.proto."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import SELF, proto, repeated
from yarnhub.hadoop.scalars import BOOL, FLOAT, FREE_TEXT, INT32, INT64, STRING, UINT32
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import Resource


class NodeState(enum.IntEnum):
    """The state of a NodeManager."""

    NEW = 1
    RUNNING = 2
    UNHEALTHY = 3
    DECOMMISSIONED = 4
    LOST = 5
    REBOOTED = 6
    DECOMMISSIONING = 7
    SHUTDOWN = 8


class QueueState(enum.IntEnum):
    """Whether a queue accepts applications."""

    STOPPED = 1
    RUNNING = 2
    DRAINING = 3


class QueueACL(enum.IntEnum):
    """What a user may do with a queue."""

    SUBMIT_APPLICATIONS = 1
    ADMINISTER_QUEUE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A NodeManager as the ResourceManager sees it."""

    node_id: NodeId = proto(1, NodeId, NodeId())
    http_address: str = proto(2, STRING, "")
    rack_name: str = proto(3, STRING, "")
    used: Resource = proto(4, Resource, Resource())
    capability: Resource = proto(5, Resource, Resource())
    num_containers: int = proto(6, INT32, 0)
    node_state: NodeState = proto(7, NodeState, NodeState.NEW)
    health_report: str = proto(8, FREE_TEXT, "")
    last_health_report_time: int = proto(9, INT64, 0)
    node_labels: tuple[str, ...] = repeated(10, STRING)
    decommissioning_timeout: int | None = proto(13, UINT32, None)
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """The statistics of a queue; memory in MiB."""

    num_apps_submitted: int = proto(1, INT64, 0)
    num_apps_running: int = proto(2, INT64, 0)
    num_apps_pending: int = proto(3, INT64, 0)
    available_memory_mb: int = proto(8, INT64, 0)
    allocated_memory_mb: int = proto(9, INT64, 0)
    pending_memory_mb: int = proto(10, INT64, 0)
    available_vcores: int = proto(12, INT64, 0)
    allocated_vcores: int = proto(13, INT64, 0)
    pending_vcores: int = proto(14, INT64, 0)
    allocated_containers: int = proto(16, INT64, 0)
    pending_containers: int = proto(17, INT64, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInfo:
    """A queue; capacities are fractions of its parent, 0 to 1."""

    queue_name: str = proto(1, STRING, "")
    capacity: float = proto(2, FLOAT, 0.0)
    maximum_capacity: float = proto(3, FLOAT, 0.0)
    current_capacity: float = proto(4, FLOAT, 0.0)
    state: QueueState | None = proto(5, QueueState, None)
    child_queues: tuple[QueueInfo, ...] = repeated(6, SELF)
    accessible_node_labels: tuple[str, ...] = repeated(8, STRING)
    default_node_label_expression: str = proto(9, STRING, "")
    queue_statistics: QueueStatistics | None = proto(10, QueueStatistics, None)
    queue_path: str = proto(15, STRING, "")
    """The full path, e.g. `root.fruit.apples`; empty before Hadoop 3.4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUserACLInfo:
    """What the caller may do with one queue."""

    queue_name: str = proto(1, STRING, "")
    user_acls: tuple[QueueACL, ...] = repeated(2, QueueACL)


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnClusterMetrics:
    """How many NodeManagers there are, by state."""

    num_node_managers: int = proto(1, INT32, 0)
    num_decommissioned_nms: int = proto(2, INT32, 0)
    num_active_nms: int = proto(3, INT32, 0)
    num_lost_nms: int = proto(4, INT32, 0)
    num_unhealthy_nms: int = proto(5, INT32, 0)
    num_rebooted_nms: int = proto(6, INT32, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLabel:
    """A label of nodes."""

    name: str = proto(1, STRING, "")
    is_exclusive: bool = proto(2, BOOL, default=True)

"""Containers: their allocation by the scheduler, and the reports of NodeManagers.

Source: yarn_protos.proto; org.apache.hadoop.yarn.api.records.ContainerExitStatus.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import mapping, proto
from yarnhub.hadoop.scalars import FREE_TEXT, INT32, INT64, STRING
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.records.ids import ContainerId, NodeId
from yarnhub.yarn.records.resources import ExecutionType, Priority, Resource


class ContainerState(enum.IntEnum):
    """The state of a container."""

    NEW = 1
    RUNNING = 2
    COMPLETE = 3


class ContainerSubState(enum.IntEnum):
    """The exact state: a container is RUNNING once its program is."""

    SCHEDULED = 1
    RUNNING = 2
    PAUSED = 3
    COMPLETING = 4
    DONE = 5


class ContainerExitStatus(enum.IntEnum):
    """Exit statuses of YARN itself; any other number is the process's own."""

    SUCCESS = 0
    INVALID = -1000
    ABORTED = -100
    DISKS_FAILED = -101
    PREEMPTED = -102
    KILLED_EXCEEDED_VMEM = -103
    KILLED_EXCEEDED_PMEM = -104
    KILLED_BY_APPMASTER = -105
    KILLED_BY_RESOURCEMANAGER = -106
    KILLED_AFTER_APP_COMPLETION = -107
    KILLED_BY_CONTAINER_SCHEDULER = -108
    KILLED_FOR_EXCESS_LOGS = -109


class SignalContainerCommand(enum.IntEnum):
    """What a NodeManager may do to a container's processes on request."""

    OUTPUT_THREAD_DUMP = 1
    GRACEFUL_SHUTDOWN = 2
    FORCEFUL_SHUTDOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An allocated container; `container_token` starts it at its NodeManager."""

    id: ContainerId = proto(1, ContainerId, ContainerId())
    node_id: NodeId = proto(2, NodeId, NodeId())
    node_http_address: str = proto(3, STRING, "")
    resource: Resource = proto(4, Resource, Resource())
    priority: Priority | None = proto(5, Priority, None)
    container_token: Token | None = proto(6, Token, None)
    execution_type: ExecutionType = proto(7, ExecutionType, ExecutionType.GUARANTEED)
    allocation_request_id: int | None = proto(8, INT64, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStatus:
    """The status of a container; `exit_status` is INVALID while it runs."""

    container_id: ContainerId = proto(1, ContainerId, ContainerId())
    state: ContainerState | None = proto(2, ContainerState, None)
    diagnostics: str = proto(3, FREE_TEXT, "")
    exit_status: int = proto(4, INT32, ContainerExitStatus.INVALID.value)
    capability: Resource | None = proto(5, Resource, None)
    container_attributes: dict[str, str] = mapping(7, STRING, STRING)
    container_sub_state: ContainerSubState | None = proto(8, ContainerSubState, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReport:
    """A container as the ResourceManager sees it; times are ms since 1970."""

    container_id: ContainerId = proto(1, ContainerId, ContainerId())
    resource: Resource | None = proto(2, Resource, None)
    node_id: NodeId | None = proto(3, NodeId, None)
    priority: Priority | None = proto(4, Priority, None)
    creation_time: int = proto(5, INT64, 0)
    finish_time: int = proto(6, INT64, 0)
    diagnostics_info: str = proto(7, FREE_TEXT, "")
    log_url: str = proto(8, STRING, "")
    container_exit_status: int = proto(9, INT32, 0)
    container_state: ContainerState | None = proto(10, ContainerState, None)
    node_http_address: str = proto(11, STRING, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class NMToken:
    """The token of one application attempt for a NodeManager's RPC port."""

    node_id: NodeId = proto(1, NodeId, NodeId())
    token: Token = proto(2, Token)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalContainerRequest:
    """Signal a container's processes."""

    container_id: ContainerId = proto(1, ContainerId)
    command: SignalContainerCommand = proto(2, SignalContainerCommand)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalContainerResponse:
    """The signal is on its way: from a ResourceManager with the node's next heartbeat."""

"""Requests and responses of ApplicationMasterProtocol, the ResourceManager's side for AMs.

Source: yarn_service_protos.proto.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import mapping, proto, repeated
from yarnhub.hadoop.scalars import BOOL, BYTES, FLOAT, FREE_TEXT, INT32, STRING
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.cluster import NodeReport
from yarnhub.yarn.records.containers import Container, ContainerStatus, NMToken
from yarnhub.yarn.records.ids import ContainerId
from yarnhub.yarn.records.launch import ApplicationAccessType
from yarnhub.yarn.records.resources import Priority, Resource, ResourceRequest, ResourceTypeInfo


class AMCommand(enum.IntEnum):
    """A command of the ResourceManager to an AM."""

    RESYNC = 1
    SHUTDOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterApplicationMasterRequest:
    """The AM's address for clients."""

    host: str | None = proto(1, STRING, None)
    rpc_port: int | None = proto(2, INT32, None)
    tracking_url: str | None = proto(3, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterApplicationMasterResponse:
    """The AM's resource limits, and the running containers of an earlier attempt."""

    maximum_capability: Resource = proto(1, Resource, Resource())
    client_to_am_token_master_key: bytes | None = proto(2, BYTES, None, secret=True)
    application_acls: dict[ApplicationAccessType, str] = mapping(3, ApplicationAccessType, STRING)
    containers_from_previous_attempts: tuple[Container, ...] = repeated(4, Container)
    queue: str = proto(5, STRING, "")
    nm_tokens_from_previous_attempts: tuple[NMToken, ...] = repeated(6, NMToken)
    resource_types: tuple[ResourceTypeInfo, ...] = repeated(9, ResourceTypeInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceBlacklistRequest:
    """Nodes to avoid, and nodes to use again."""

    blacklist_additions: tuple[str, ...] = repeated(1, STRING)
    blacklist_removals: tuple[str, ...] = repeated(2, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateRequest:
    """The AM's heartbeat: its requests and releases; `response_id` is from the last response."""

    ask: tuple[ResourceRequest, ...] = repeated(1, ResourceRequest)
    release: tuple[ContainerId, ...] = repeated(2, ContainerId)
    blacklist_request: ResourceBlacklistRequest | None = proto(3, ResourceBlacklistRequest, None)
    response_id: int | None = proto(4, INT32, None)
    progress: float | None = proto(5, FLOAT, None)
    tracking_url: str | None = proto(11, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionContainer:
    """A container that the scheduler is about to preempt."""

    id: ContainerId = proto(1, ContainerId, ContainerId())


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictPreemptionContract:
    """Containers that will be preempted in any case."""

    container: tuple[PreemptionContainer, ...] = repeated(1, PreemptionContainer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionContract:
    """Containers that will be preempted unless the AM releases as much elsewhere."""

    container: tuple[PreemptionContainer, ...] = repeated(2, PreemptionContainer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionMessage:
    """The containers that the scheduler is about to preempt."""

    strict_contract: StrictPreemptionContract | None = proto(1, StrictPreemptionContract, None)
    contract: PreemptionContract | None = proto(2, PreemptionContract, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateResponse:
    """The containers that were allocated or ended since the last heartbeat."""

    am_command: AMCommand | None = proto(1, AMCommand, None)
    response_id: int = proto(2, INT32, 0)
    allocated_containers: tuple[Container, ...] = repeated(3, Container)
    completed_container_statuses: tuple[ContainerStatus, ...] = repeated(4, ContainerStatus)
    limit: Resource | None = proto(5, Resource, None)
    """The headroom: the resources that the application may still get."""
    updated_nodes: tuple[NodeReport, ...] = repeated(6, NodeReport)
    num_cluster_nodes: int = proto(7, INT32, 0)
    preempt: PreemptionMessage | None = proto(8, PreemptionMessage, None)
    nm_tokens: tuple[NMToken, ...] = repeated(9, NMToken)
    """One for each node on its first use: not repeated, so keep it."""
    am_rm_token: Token | None = proto(12, Token, None)
    """The AMRMToken after a roll of the master key: replaces the current one."""
    application_priority: Priority | None = proto(13, Priority, None)
    containers_from_previous_attempts: tuple[Container, ...] = repeated(17, Container)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishApplicationMasterRequest:
    """The application's end, reported by the AM."""

    diagnostics: str | None = proto(1, FREE_TEXT, None)
    tracking_url: str | None = proto(2, STRING, None)
    final_application_status: FinalApplicationStatus | None = proto(3, FinalApplicationStatus, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishApplicationMasterResponse:
    """Whether it is saved; repeat the request until it is."""

    is_unregistered: bool = proto(1, BOOL, default=False)

"""Requests and answers of ApplicationMasterProtocol, the ResourceManager's side for AMs.

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
    """What the ResourceManager orders an AM to do."""

    RESYNC = 1
    SHUTDOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterApplicationMasterRequest:
    """Where the AM's clients find it."""

    host: str | None = proto(1, STRING, None)
    rpc_port: int | None = proto(2, INT32, None)
    tracking_url: str | None = proto(3, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterApplicationMasterResponse:
    """What the AM may use, and what runs already from an earlier attempt."""

    maximum_capability: Resource = proto(1, Resource, Resource())
    client_to_am_token_master_key: bytes | None = proto(2, BYTES, None, secret=True)
    application_acls: dict[ApplicationAccessType, str] = mapping(3, ApplicationAccessType, STRING)
    containers_from_previous_attempts: tuple[Container, ...] = repeated(4, Container)
    queue: str = proto(5, STRING, "")
    nm_tokens_from_previous_attempts: tuple[NMToken, ...] = repeated(6, NMToken)
    resource_types: tuple[ResourceTypeInfo, ...] = repeated(9, ResourceTypeInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceBlacklistRequest:
    """Nodes not to be used any more, and nodes to be used again."""

    blacklist_additions: tuple[str, ...] = repeated(1, STRING)
    blacklist_removals: tuple[str, ...] = repeated(2, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateRequest:
    """The AM's heartbeat: what it wants and gives back; `response_id` is the last answer's."""

    ask: tuple[ResourceRequest, ...] = repeated(1, ResourceRequest)
    release: tuple[ContainerId, ...] = repeated(2, ContainerId)
    blacklist_request: ResourceBlacklistRequest | None = proto(3, ResourceBlacklistRequest, None)
    response_id: int | None = proto(4, INT32, None)
    progress: float | None = proto(5, FLOAT, None)
    tracking_url: str | None = proto(11, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionContainer:
    """A container that the scheduler is about to take back."""

    id: ContainerId = proto(1, ContainerId, ContainerId())


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictPreemptionContract:
    """Containers that will be taken back whatever the AM does."""

    container: tuple[PreemptionContainer, ...] = repeated(1, PreemptionContainer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionContract:
    """Containers that will be taken back unless the AM frees as much elsewhere."""

    container: tuple[PreemptionContainer, ...] = repeated(2, PreemptionContainer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionMessage:
    """What the scheduler is about to take back."""

    strict_contract: StrictPreemptionContract | None = proto(1, StrictPreemptionContract, None)
    contract: PreemptionContract | None = proto(2, PreemptionContract, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateResponse:
    """What was given and what ended since the last heartbeat."""

    am_command: AMCommand | None = proto(1, AMCommand, None)
    response_id: int = proto(2, INT32, 0)
    allocated_containers: tuple[Container, ...] = repeated(3, Container)
    completed_container_statuses: tuple[ContainerStatus, ...] = repeated(4, ContainerStatus)
    limit: Resource | None = proto(5, Resource, None)
    """The headroom: what the application may still get now."""
    updated_nodes: tuple[NodeReport, ...] = repeated(6, NodeReport)
    num_cluster_nodes: int = proto(7, INT32, 0)
    preempt: PreemptionMessage | None = proto(8, PreemptionMessage, None)
    nm_tokens: tuple[NMToken, ...] = repeated(9, NMToken)
    """One for each node when it is used first: not repeated, so keep it."""
    am_rm_token: Token | None = proto(12, Token, None)
    """The AMRMToken after a roll of the master key: replaces the one in use."""
    application_priority: Priority | None = proto(13, Priority, None)
    containers_from_previous_attempts: tuple[Container, ...] = repeated(17, Container)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishApplicationMasterRequest:
    """The application's end, as the AM tells it."""

    diagnostics: str | None = proto(1, FREE_TEXT, None)
    tracking_url: str | None = proto(2, STRING, None)
    final_application_status: FinalApplicationStatus | None = proto(3, FinalApplicationStatus, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishApplicationMasterResponse:
    """Whether it is saved; ask again until it is."""

    is_unregistered: bool = proto(1, BOOL, default=False)

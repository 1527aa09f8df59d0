"""Requests and responses of ContainerManagementProtocol, a NodeManager's side for AMs.

Source: yarn_service_protos.proto.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.hadoop.codec import SELF, mapping, proto, repeated
from yarnhub.hadoop.scalars import BYTES, FREE_TEXT, STRING
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.records.containers import ContainerStatus
from yarnhub.yarn.records.ids import ContainerId
from yarnhub.yarn.records.launch import ContainerLaunchContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SerializedException:
    """A Java exception inside a response."""

    message: str = proto(1, FREE_TEXT, "")
    trace: str = proto(2, FREE_TEXT, "")
    class_name: str = proto(3, STRING, "")
    cause: SerializedException | None = proto(4, SELF, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerExceptionMap:
    """Why one container of a request failed."""

    container_id: ContainerId = proto(1, ContainerId, ContainerId())
    exception: SerializedException = proto(2, SerializedException, SerializedException())


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainerRequest:
    """Start one container; the token has its id and size."""

    container_launch_context: ContainerLaunchContext = proto(1, ContainerLaunchContext)
    container_token: Token = proto(2, Token)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainersRequest:
    """Start containers on this node."""

    start_container_request: tuple[StartContainerRequest, ...] = repeated(1, StartContainerRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainersResponse:
    """The containers that will be started, and those that failed."""

    services_meta_data: dict[str, bytes] = mapping(1, STRING, BYTES)
    succeeded_requests: tuple[ContainerId, ...] = repeated(2, ContainerId)
    failed_requests: tuple[ContainerExceptionMap, ...] = repeated(3, ContainerExceptionMap)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainersRequest:
    """Stop containers on this node."""

    container_id: tuple[ContainerId, ...] = repeated(1, ContainerId)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainersResponse:
    """The containers that are being stopped, and those that failed."""

    succeeded_requests: tuple[ContainerId, ...] = repeated(1, ContainerId)
    failed_requests: tuple[ContainerExceptionMap, ...] = repeated(2, ContainerExceptionMap)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainerStatusesRequest:
    """Get the statuses of containers on this node."""

    container_id: tuple[ContainerId, ...] = repeated(1, ContainerId)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainerStatusesResponse:
    """The statuses; containers that are unknown on the node are among the failed."""

    status: tuple[ContainerStatus, ...] = repeated(1, ContainerStatus)
    failed_requests: tuple[ContainerExceptionMap, ...] = repeated(2, ContainerExceptionMap)

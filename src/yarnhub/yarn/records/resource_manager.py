"""Requests and responses of ApplicationClientProtocol, the ResourceManager's side for clients.

Source: yarn_service_protos.proto.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import mapping, proto, repeated
from yarnhub.hadoop.scalars import BOOL, FREE_TEXT, INT64, STRING
from yarnhub.yarn.records.applications import (
    ApplicationAttemptReport,
    ApplicationReport,
    ApplicationSubmissionContext,
    ApplicationTimeoutType,
    YarnApplicationState,
)
from yarnhub.yarn.records.cluster import (
    NodeLabel,
    NodeReport,
    NodeState,
    QueueInfo,
    QueueUserACLInfo,
    YarnClusterMetrics,
)
from yarnhub.yarn.records.containers import ContainerReport
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId
from yarnhub.yarn.records.resources import Priority, Resource, ResourceTypeInfo


class ApplicationsRequestScope(enum.IntEnum):
    """Whose applications are listed."""

    ALL = 0
    VIEWABLE = 1
    OWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNewApplicationRequest:
    """Get an application id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNewApplicationResponse:
    """A new application id, and the largest possible container."""

    application_id: ApplicationId = proto(1, ApplicationId, ApplicationId())
    maximum_capability: Resource = proto(2, Resource, Resource())


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitApplicationRequest:
    """Submit an application under a new id."""

    application_submission_context: ApplicationSubmissionContext = proto(
        1, ApplicationSubmissionContext
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitApplicationResponse:
    """Accepted for saving: not yet scheduled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApplicationReportRequest:
    """Get one application."""

    application_id: ApplicationId = proto(1, ApplicationId)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApplicationReportResponse:
    """One application."""

    application_report: ApplicationReport = proto(1, ApplicationReport, ApplicationReport())


@dataclass(frozen=True, slots=True, kw_only=True)
class KillApplicationRequest:
    """Kill an application; `diagnostics` is shown to its user."""

    application_id: ApplicationId = proto(1, ApplicationId)
    diagnostics: str | None = proto(2, FREE_TEXT, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillApplicationResponse:
    """Whether the application has ended; repeat the request until it has."""

    is_kill_completed: bool = proto(1, BOOL, default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApplicationsRequest:
    """Filters: empty and None do not filter. Time bounds are ms since 1970."""

    application_types: tuple[str, ...] = repeated(1, STRING)
    application_states: tuple[YarnApplicationState, ...] = repeated(2, YarnApplicationState)
    users: tuple[str, ...] = repeated(3, STRING)
    queues: tuple[str, ...] = repeated(4, STRING)
    limit: int | None = proto(5, INT64, None)
    start_begin: int | None = proto(6, INT64, None)
    start_end: int | None = proto(7, INT64, None)
    finish_begin: int | None = proto(8, INT64, None)
    finish_end: int | None = proto(9, INT64, None)
    application_tags: tuple[str, ...] = repeated(10, STRING)
    scope: ApplicationsRequestScope | None = proto(11, ApplicationsRequestScope, None)
    name: str | None = proto(12, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApplicationsResponse:
    """The applications found."""

    applications: tuple[ApplicationReport, ...] = repeated(1, ApplicationReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApplicationAttemptsRequest:
    """Get the runs of an application's AM."""

    application_id: ApplicationId = proto(1, ApplicationId)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApplicationAttemptsResponse:
    """The runs of an application's AM."""

    application_attempts: tuple[ApplicationAttemptReport, ...] = repeated(
        1, ApplicationAttemptReport
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainersRequest:
    """Get an attempt's containers."""

    application_attempt_id: ApplicationAttemptId = proto(1, ApplicationAttemptId)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainersResponse:
    """The containers of an attempt of which the ResourceManager has a record."""

    containers: tuple[ContainerReport, ...] = repeated(1, ContainerReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClusterMetricsRequest:
    """Get the numbers of nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClusterMetricsResponse:
    """The numbers of nodes."""

    cluster_metrics: YarnClusterMetrics = proto(1, YarnClusterMetrics, YarnClusterMetrics())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClusterNodesRequest:
    """Get nodes in these states; RUNNING if none is named."""

    node_states: tuple[NodeState, ...] = repeated(1, NodeState)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClusterNodesResponse:
    """The nodes found."""

    node_reports: tuple[NodeReport, ...] = repeated(1, NodeReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClusterNodeLabelsRequest:
    """Get the cluster's node labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClusterNodeLabelsResponse:
    """The cluster's node labels."""

    node_labels: tuple[NodeLabel, ...] = repeated(2, NodeLabel)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQueueInfoRequest:
    """Get a queue by name or path."""

    queue_name: str = proto(1, STRING)
    include_applications: bool = proto(2, BOOL, default=False)
    include_child_queues: bool = proto(3, BOOL, default=False)
    recursive: bool = proto(4, BOOL, default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQueueInfoResponse:
    """A queue; None if the name is unknown."""

    queue_info: QueueInfo | None = proto(1, QueueInfo, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQueueUserAclsInfoRequest:
    """Get the caller's permissions for each queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQueueUserAclsInfoResponse:
    """What the caller may do with each queue."""

    queue_user_acls: tuple[QueueUserACLInfo, ...] = repeated(1, QueueUserACLInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveApplicationAcrossQueuesRequest:
    """Move an application to another leaf queue."""

    application_id: ApplicationId = proto(1, ApplicationId)
    target_queue: str = proto(2, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveApplicationAcrossQueuesResponse:
    """Moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApplicationPriorityRequest:
    """Change an application's priority."""

    application_id: ApplicationId = proto(1, ApplicationId)
    application_priority: Priority = proto(2, Priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApplicationPriorityResponse:
    """The effective priority."""

    application_priority: Priority | None = proto(1, Priority, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApplicationTimeoutsRequest:
    """Change an application's limits; the times are ISO 8601."""

    application_id: ApplicationId = proto(1, ApplicationId)
    application_timeouts: dict[ApplicationTimeoutType, str] = mapping(
        2, ApplicationTimeoutType, STRING
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApplicationTimeoutsResponse:
    """The effective limits, in the request's form."""

    application_timeouts: dict[ApplicationTimeoutType, str] = mapping(
        1, ApplicationTimeoutType, STRING
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAllResourceTypeInfoRequest:
    """Get the resource types of the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAllResourceTypeInfoResponse:
    """The resource types of the cluster."""

    resource_type_info: tuple[ResourceTypeInfo, ...] = repeated(1, ResourceTypeInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailApplicationAttemptRequest:
    """Make one run of the AM fail, so that the next one starts."""

    application_attempt_id: ApplicationAttemptId = proto(1, ApplicationAttemptId)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailApplicationAttemptResponse:
    """It will fail."""

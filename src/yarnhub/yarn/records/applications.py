"""Applications: their submission and the ResourceManager's reports.

Times are ms since 1970 unless a field says otherwise. Source: yarn_protos.proto.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import mapping, proto, repeated
from yarnhub.hadoop.scalars import BOOL, FLOAT, FREE_TEXT, INT32, INT64, STRING
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId, ContainerId
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Priority, Resource, ResourceRequest


class YarnApplicationState(enum.IntEnum):
    """The state of an application."""

    NEW = 1
    NEW_SAVING = 2
    SUBMITTED = 3
    ACCEPTED = 4
    RUNNING = 5
    FINISHED = 6
    FAILED = 7
    KILLED = 8

    @property
    def ended(self) -> bool:
        """Whether it is final."""
        return self >= YarnApplicationState.FINISHED


class FinalApplicationStatus(enum.IntEnum):
    """The final status that an application reported."""

    UNDEFINED = 0
    SUCCEEDED = 1
    FAILED = 2
    KILLED = 3
    ENDED = 4


class YarnApplicationAttemptState(enum.IntEnum):
    """The state of one run of the AM."""

    NEW = 1
    SUBMITTED = 2
    SCHEDULED = 3
    ALLOCATED_SAVING = 4
    ALLOCATED = 5
    LAUNCHED = 6
    FAILED = 7
    RUNNING = 8
    FINISHING = 9
    FINISHED = 10
    KILLED = 11


class LogAggregationStatus(enum.IntEnum):
    """The state of an application's log aggregation."""

    DISABLED = 1
    NOT_START = 2
    RUNNING = 3
    SUCCEEDED = 4
    FAILED = 5
    TIME_OUT = 6
    RUNNING_WITH_FAILURE = 7


class ApplicationTimeoutType(enum.IntEnum):
    """The kind of a time limit."""

    LIFETIME = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAggregationContext:
    """Which log files are aggregated; patterns are Java regular expressions."""

    include_pattern: str | None = proto(1, STRING, None)
    exclude_pattern: str | None = proto(2, STRING, None)
    rolled_logs_include_pattern: str | None = proto(3, STRING, None)
    rolled_logs_exclude_pattern: str | None = proto(4, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSubmissionContext:
    """The submission of an application."""

    application_id: ApplicationId = proto(1, ApplicationId, ApplicationId())
    application_name: str | None = proto(2, STRING, None)
    queue: str | None = proto(3, STRING, None)
    priority: Priority | None = proto(4, Priority, None)
    am_container_spec: ContainerLaunchContext | None = proto(5, ContainerLaunchContext, None)
    cancel_tokens_when_complete: bool = proto(6, BOOL, default=True)
    unmanaged_am: bool = proto(7, BOOL, default=False)
    max_app_attempts: int = proto(8, INT32, 0)
    """0: as many as the ResourceManager allows."""
    resource: Resource | None = proto(9, Resource, None)
    application_type: str = proto(10, STRING, "YARN")
    keep_containers_across_application_attempts: bool = proto(11, BOOL, default=False)
    application_tags: tuple[str, ...] = repeated(12, STRING)
    attempt_failures_validity_interval: int = proto(13, INT64, -1)
    log_aggregation_context: LogAggregationContext | None = proto(14, LogAggregationContext, None)
    node_label_expression: str | None = proto(16, STRING, None)
    am_container_resource_request: tuple[ResourceRequest, ...] = repeated(17, ResourceRequest)
    application_timeouts: dict[ApplicationTimeoutType, int] = mapping(
        18, ApplicationTimeoutType, INT64
    )
    """Seconds from the submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationTimeout:
    """A limit in time; `expire_time` is ISO 8601 or `UNLIMITED`, `remaining_time` in seconds."""

    application_timeout_type: ApplicationTimeoutType = proto(
        1, ApplicationTimeoutType, ApplicationTimeoutType.LIFETIME
    )
    expire_time: str | None = proto(2, STRING, None)
    remaining_time: int | None = proto(3, INT64, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationResourceUsageReport:
    """The resources that an application uses and has used; -1 if the caller may not view it."""

    num_used_containers: int = proto(1, INT32, 0)
    num_reserved_containers: int = proto(2, INT32, 0)
    used_resources: Resource = proto(3, Resource, Resource())
    reserved_resources: Resource = proto(4, Resource, Resource())
    needed_resources: Resource = proto(5, Resource, Resource())
    memory_seconds: int = proto(6, INT64, 0)
    vcore_seconds: int = proto(7, INT64, 0)
    queue_usage_percentage: float = proto(8, FLOAT, 0.0)
    cluster_usage_percentage: float = proto(9, FLOAT, 0.0)
    preempted_memory_seconds: int = proto(10, INT64, 0)
    preempted_vcore_seconds: int = proto(11, INT64, 0)
    application_resource_usage_map: dict[str, int] = mapping(12, STRING, INT64)
    """Amount times seconds of each resource type, such as `yarn.io/gpu`; memory in MiB."""
    application_preempted_resource_usage_map: dict[str, int] = mapping(13, STRING, INT64)
    """The part of it that containers used which YARN took back for other queues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReport:
    """An application as the ResourceManager reports it."""

    application_id: ApplicationId = proto(1, ApplicationId, ApplicationId())
    user: str = proto(2, STRING, "")
    queue: str = proto(3, STRING, "")
    name: str = proto(4, FREE_TEXT, "")
    host: str = proto(5, STRING, "")
    """Registered by the AM; empty or `N/A` before."""
    rpc_port: int = proto(6, INT32, 0)
    client_to_am_token: Token | None = proto(7, Token, None)
    yarn_application_state: YarnApplicationState = proto(
        8, YarnApplicationState, YarnApplicationState.NEW
    )
    tracking_url: str = proto(9, STRING, "")
    diagnostics: str = proto(10, FREE_TEXT, "")
    start_time: int = proto(11, INT64, 0)
    finish_time: int = proto(12, INT64, 0)
    final_application_status: FinalApplicationStatus = proto(
        13, FinalApplicationStatus, FinalApplicationStatus.UNDEFINED
    )
    app_resource_usage: ApplicationResourceUsageReport = proto(
        14, ApplicationResourceUsageReport, ApplicationResourceUsageReport()
    )
    original_tracking_url: str = proto(15, STRING, "")
    current_application_attempt_id: ApplicationAttemptId | None = proto(
        16, ApplicationAttemptId, None
    )
    progress: float = proto(17, FLOAT, 0.0)
    application_type: str = proto(18, STRING, "")
    am_rm_token: Token | None = proto(19, Token, None)
    """An unmanaged AM's token: for the application's user only, before registration only."""
    application_tags: tuple[str, ...] = repeated(20, STRING)
    log_aggregation_status: LogAggregationStatus | None = proto(21, LogAggregationStatus, None)
    unmanaged_application: bool = proto(22, BOOL, default=False)
    priority: Priority | None = proto(23, Priority, None)
    app_node_label_expression: str | None = proto(24, STRING, None)
    am_node_label_expression: str | None = proto(25, STRING, None)
    app_timeouts: dict[ApplicationTimeoutType, ApplicationTimeout] = mapping(
        26, ApplicationTimeoutType, ApplicationTimeout
    )
    launch_time: int = proto(27, INT64, 0)
    submit_time: int = proto(28, INT64, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationAttemptReport:
    """One run of an application's AM."""

    application_attempt_id: ApplicationAttemptId = proto(
        1, ApplicationAttemptId, ApplicationAttemptId()
    )
    host: str = proto(2, STRING, "")
    rpc_port: int = proto(3, INT32, 0)
    tracking_url: str = proto(4, STRING, "")
    diagnostics: str = proto(5, FREE_TEXT, "")
    yarn_application_attempt_state: YarnApplicationAttemptState = proto(
        6, YarnApplicationAttemptState, YarnApplicationAttemptState.NEW
    )
    am_container_id: ContainerId | None = proto(7, ContainerId, None)
    original_tracking_url: str = proto(8, STRING, "")
    start_time: int = proto(9, INT64, 0)
    finish_time: int = proto(10, INT64, 0)

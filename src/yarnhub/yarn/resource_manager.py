"""The client of the ResourceManager (ApplicationClientProtocol).

Every method is one remote call: it raises the errors of `RpcClient.call`, has its deadline, and
cancelling it leaves the connection usable. Methods have the RPCs' names in snake_case.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.closing import Closing
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.wire import delegation
from yarnhub.hadoop.wire.method import Method, Protocol
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.containers import SignalContainerRequest, SignalContainerResponse
from yarnhub.yarn.records.resources import Priority

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.yarn.records.applications import (
        ApplicationAttemptReport,
        ApplicationReport,
        ApplicationSubmissionContext,
        ApplicationTimeoutType,
    )
    from yarnhub.yarn.records.cluster import (
        NodeLabel,
        NodeReport,
        NodeState,
        QueueInfo,
        QueueUserACLInfo,
        YarnClusterMetrics,
    )
    from yarnhub.yarn.records.containers import ContainerReport, SignalContainerCommand
    from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId, ContainerId
    from yarnhub.yarn.records.resources import ResourceTypeInfo

Q = TypeVar("Q")
R = TypeVar("R")

PROTOCOL = Protocol("org.apache.hadoop.yarn.api.ApplicationClientProtocolPB")


def _method(name: str, request: type[Q], response: type[R]) -> Method[Q, R]:
    # Hadoop itself marks all of this protocol's methods as idempotent
    # (org.apache.hadoop.yarn.api.ApplicationClientProtocol).
    return Method(name, request, response, idempotent=True)


GET_NEW_APPLICATION = _method(
    "getNewApplication", rm.GetNewApplicationRequest, rm.GetNewApplicationResponse
)
SUBMIT_APPLICATION = _method(
    "submitApplication", rm.SubmitApplicationRequest, rm.SubmitApplicationResponse
)
GET_APPLICATION_REPORT = _method(
    "getApplicationReport", rm.GetApplicationReportRequest, rm.GetApplicationReportResponse
)
FORCE_KILL_APPLICATION = _method(
    "forceKillApplication", rm.KillApplicationRequest, rm.KillApplicationResponse
)
FAIL_APPLICATION_ATTEMPT = _method(
    "failApplicationAttempt", rm.FailApplicationAttemptRequest, rm.FailApplicationAttemptResponse
)
GET_APPLICATIONS = _method("getApplications", rm.GetApplicationsRequest, rm.GetApplicationsResponse)
GET_APPLICATION_ATTEMPTS = _method(
    "getApplicationAttempts", rm.GetApplicationAttemptsRequest, rm.GetApplicationAttemptsResponse
)
GET_CONTAINERS = _method("getContainers", rm.GetContainersRequest, rm.GetContainersResponse)
GET_CLUSTER_METRICS = _method(
    "getClusterMetrics", rm.GetClusterMetricsRequest, rm.GetClusterMetricsResponse
)
GET_CLUSTER_NODES = _method(
    "getClusterNodes", rm.GetClusterNodesRequest, rm.GetClusterNodesResponse
)
GET_CLUSTER_NODE_LABELS = _method(
    "getClusterNodeLabels", rm.GetClusterNodeLabelsRequest, rm.GetClusterNodeLabelsResponse
)
GET_QUEUE_INFO = _method("getQueueInfo", rm.GetQueueInfoRequest, rm.GetQueueInfoResponse)
GET_QUEUE_USER_ACLS = _method(
    "getQueueUserAcls", rm.GetQueueUserAclsInfoRequest, rm.GetQueueUserAclsInfoResponse
)
MOVE_APPLICATION_ACROSS_QUEUES = _method(
    "moveApplicationAcrossQueues",
    rm.MoveApplicationAcrossQueuesRequest,
    rm.MoveApplicationAcrossQueuesResponse,
)
SIGNAL_TO_CONTAINER = _method("signalToContainer", SignalContainerRequest, SignalContainerResponse)
UPDATE_APPLICATION_PRIORITY = _method(
    "updateApplicationPriority",
    rm.UpdateApplicationPriorityRequest,
    rm.UpdateApplicationPriorityResponse,
)
UPDATE_APPLICATION_TIMEOUTS = _method(
    "updateApplicationTimeouts",
    rm.UpdateApplicationTimeoutsRequest,
    rm.UpdateApplicationTimeoutsResponse,
)
GET_RESOURCE_TYPE_INFO = _method(
    "getResourceTypeInfo", rm.GetAllResourceTypeInfoRequest, rm.GetAllResourceTypeInfoResponse
)
GET_DELEGATION_TOKEN = _method(
    "getDelegationToken",
    delegation.GetDelegationTokenRequest,
    delegation.GetDelegationTokenResponse,
)
RENEW_DELEGATION_TOKEN = _method(
    "renewDelegationToken",
    delegation.RenewDelegationTokenRequest,
    delegation.RenewDelegationTokenResponse,
)
CANCEL_DELEGATION_TOKEN = _method(
    "cancelDelegationToken",
    delegation.CancelDelegationTokenRequest,
    delegation.CancelDelegationTokenResponse,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service of the ResourceManager: all its addresses, and its principal."""

    addresses: tuple[Address, ...]
    server_principal: str | None


class ResourceManager(Closing):
    """A connection to the ResourceManager, or to the active one of a pair.

    Args:
        endpoint: From `addresses.resource_manager(configuration, CLIENT)`.
        user: The user.
        options: Limits and the required protection.
    """

    def __init__(self, endpoint: Endpoint, user: User, options: RpcOptions | None = None) -> None:
        self._rpc = RpcClient(
            endpoint.addresses,
            PROTOCOL,
            user,
            options=_expecting(options or RpcOptions(), endpoint),
        )

    async def aclose(self) -> None:
        """Close the connection."""
        await self._rpc.aclose()

    async def get_new_application(self) -> rm.GetNewApplicationResponse:
        """A new application id, and the largest possible container."""
        return await self._rpc.call(GET_NEW_APPLICATION, rm.GetNewApplicationRequest())

    async def submit_application(self, context: ApplicationSubmissionContext) -> None:
        """Submit an application under an id from `get_new_application`.

        A response means that it is being saved; it may still be refused, which its report shows.
        """
        request = rm.SubmitApplicationRequest(application_submission_context=context)
        await self._rpc.call(SUBMIT_APPLICATION, request)

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        """One application.

        Raises:
            ApplicationNotFoundError: There is no application with this id.
        """
        request = rm.GetApplicationReportRequest(application_id=application_id)
        return (await self._rpc.call(GET_APPLICATION_REPORT, request)).application_report

    async def force_kill_application(
        self, application_id: ApplicationId, diagnostics: str | None = None
    ) -> bool:
        """Kill an application; returns whether it has already ended."""
        request = rm.KillApplicationRequest(application_id=application_id, diagnostics=diagnostics)
        return (await self._rpc.call(FORCE_KILL_APPLICATION, request)).is_kill_completed

    async def fail_application_attempt(self, attempt_id: ApplicationAttemptId) -> None:
        """Make one run of an AM fail, so that YARN starts the next."""
        request = rm.FailApplicationAttemptRequest(application_attempt_id=attempt_id)
        await self._rpc.call(FAIL_APPLICATION_ATTEMPT, request)

    async def get_applications(
        self, request: rm.GetApplicationsRequest
    ) -> tuple[ApplicationReport, ...]:
        """The applications that match the request's filters."""
        return (await self._rpc.call(GET_APPLICATIONS, request)).applications

    async def get_application_attempts(
        self, application_id: ApplicationId
    ) -> tuple[ApplicationAttemptReport, ...]:
        """The runs of an application's AM."""
        request = rm.GetApplicationAttemptsRequest(application_id=application_id)
        return (await self._rpc.call(GET_APPLICATION_ATTEMPTS, request)).application_attempts

    async def get_containers(self, attempt_id: ApplicationAttemptId) -> tuple[ContainerReport, ...]:
        """The containers of an attempt of which the ResourceManager has a record."""
        request = rm.GetContainersRequest(application_attempt_id=attempt_id)
        return (await self._rpc.call(GET_CONTAINERS, request)).containers

    async def get_cluster_metrics(self) -> YarnClusterMetrics:
        """The numbers of nodes, by state."""
        response = await self._rpc.call(GET_CLUSTER_METRICS, rm.GetClusterMetricsRequest())
        return response.cluster_metrics

    async def get_cluster_nodes(self, states: Iterable[NodeState] = ()) -> tuple[NodeReport, ...]:
        """The nodes in these states; the running ones if none is named."""
        request = rm.GetClusterNodesRequest(node_states=tuple(states))
        return (await self._rpc.call(GET_CLUSTER_NODES, request)).node_reports

    async def get_cluster_node_labels(self) -> tuple[NodeLabel, ...]:
        """The cluster's node labels."""
        response = await self._rpc.call(GET_CLUSTER_NODE_LABELS, rm.GetClusterNodeLabelsRequest())
        return response.node_labels

    async def get_queue_info(self, name: str, *, recursive: bool = False) -> QueueInfo | None:
        """A queue with its children, or with all its descendants; None if it does not exist.

        Its names are those of this Hadoop version and its scheduler: see `get_queues`.
        """
        request = rm.GetQueueInfoRequest(
            queue_name=name, include_child_queues=True, recursive=recursive
        )
        return (await self._rpc.call(GET_QUEUE_INFO, request)).queue_info

    async def get_queues(self) -> QueueInfo | None:
        """The root queue with all below it, each with its own name and its path."""
        # Not part of an ApplicationMaster's zip, which is kept small.
        from yarnhub.yarn.queues.tree import ROOT, with_paths

        root = await self.get_queue_info(ROOT, recursive=True)
        return None if root is None else with_paths(root)

    async def get_queue_user_acls(self) -> tuple[QueueUserACLInfo, ...]:
        """What the caller may do with each queue."""
        response = await self._rpc.call(GET_QUEUE_USER_ACLS, rm.GetQueueUserAclsInfoRequest())
        return response.queue_user_acls

    async def move_application_across_queues(
        self, application_id: ApplicationId, queue: str
    ) -> None:
        """Move an application to another leaf queue."""
        request = rm.MoveApplicationAcrossQueuesRequest(
            application_id=application_id, target_queue=queue
        )
        await self._rpc.call(MOVE_APPLICATION_ACROSS_QUEUES, request)

    async def signal_to_container(
        self, container_id: ContainerId, command: SignalContainerCommand
    ) -> None:
        """Signal a container's processes; it takes up to one heartbeat of its node."""
        request = SignalContainerRequest(container_id=container_id, command=command)
        await self._rpc.call(SIGNAL_TO_CONTAINER, request)

    async def update_application_priority(
        self, application_id: ApplicationId, priority: int
    ) -> int | None:
        """Change an application's priority; returns the effective one."""
        request = rm.UpdateApplicationPriorityRequest(
            application_id=application_id, application_priority=Priority(priority=priority)
        )
        response = await self._rpc.call(UPDATE_APPLICATION_PRIORITY, request)
        return response.application_priority.priority if response.application_priority else None

    async def update_application_timeouts(
        self, application_id: ApplicationId, timeouts: dict[ApplicationTimeoutType, str]
    ) -> dict[ApplicationTimeoutType, str]:
        """Change an application's time limits, as ISO 8601 times; returns the effective ones."""
        request = rm.UpdateApplicationTimeoutsRequest(
            application_id=application_id, application_timeouts=timeouts
        )
        response = await self._rpc.call(UPDATE_APPLICATION_TIMEOUTS, request)
        return response.application_timeouts

    async def get_resource_type_info(self) -> tuple[ResourceTypeInfo, ...]:
        """The resource types that the cluster counts."""
        response = await self._rpc.call(GET_RESOURCE_TYPE_INFO, rm.GetAllResourceTypeInfoRequest())
        return response.resource_type_info

    async def get_delegation_token(self, renewer: str) -> Token | None:
        """A delegation token that `renewer` may renew; None from a cluster without security."""
        request = delegation.GetDelegationTokenRequest(renewer=renewer)
        return (await self._rpc.call(GET_DELEGATION_TOKEN, request)).token

    async def renew_delegation_token(self, token: Token) -> int:
        """Renew a delegation token; returns its expiry, ms since 1970."""
        request = delegation.RenewDelegationTokenRequest(token=token)
        return (await self._rpc.call(RENEW_DELEGATION_TOKEN, request)).new_expiry_time

    async def cancel_delegation_token(self, token: Token) -> None:
        """Cancel a delegation token."""
        await self._rpc.call(
            CANCEL_DELEGATION_TOKEN, delegation.CancelDelegationTokenRequest(token=token)
        )


def _expecting(options: RpcOptions, endpoint: Endpoint) -> RpcOptions:
    return dataclasses.replace(options, server_principal=endpoint.server_principal)

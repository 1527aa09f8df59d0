"""An ApplicationMaster's client of NodeManagers (ContainerManagementProtocol)."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.errors import LocalProtocolError
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.ipc.client import Address, RpcClient, RpcOptions
from yarnhub.hadoop.ipc.translation import translate
from yarnhub.hadoop.security.users import TokenUser
from yarnhub.hadoop.wire.method import Method, Protocol
from yarnhub.yarn.records import node_manager as records
from yarnhub.yarn.records.containers import (
    SignalContainerCommand,
    SignalContainerRequest,
    SignalContainerResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.yarn.records.containers import Container, ContainerStatus, NMToken
    from yarnhub.yarn.records.ids import ContainerId, NodeId
    from yarnhub.yarn.records.launch import ContainerLaunchContext

PROTOCOL = Protocol("org.apache.hadoop.yarn.api.ContainerManagementProtocolPB")
# Repeating a start that was executed is refused with one of `_ALREADY_STARTED`.
START_CONTAINERS = Method(
    "startContainers",
    records.StartContainersRequest,
    records.StartContainersResponse,
    idempotent=True,
)
STOP_CONTAINERS = Method(
    "stopContainers",
    records.StopContainersRequest,
    records.StopContainersResponse,
    idempotent=True,
)
GET_CONTAINER_STATUSES = Method(
    "getContainerStatuses",
    records.GetContainerStatusesRequest,
    records.GetContainerStatusesResponse,
    idempotent=True,
)
SIGNAL_TO_CONTAINER = Method("signalToContainer", SignalContainerRequest, SignalContainerResponse)

_CALL_TIMEOUT = 180.0
_ALREADY_STARTED = ("already is running on this node", "Attempt to relaunch the same container")
"""The messages of a NodeManager for a container that was started: while it runs, and after its end
(ContainerManagerImpl)."""


def patient_options(options: RpcOptions) -> RpcOptions:
    """Options that wait for a NodeManager to be restarted.

    It recovers its containers. Hadoop's own client waits as long
    (`yarn.client.nodemanager-connect.max-wait-ms`).
    """
    policy = RetryPolicy(attempts=1000, max_delay=2.0)
    return dataclasses.replace(options, call_timeout=_CALL_TIMEOUT, retry=policy)


class NodeManagers(Closing):
    """The NodeManagers with containers of an application attempt.

    Connections are opened on use and closed when idle; tokens are kept, since the scheduler sends
    the token of a node only once.
    """

    def __init__(self, options: RpcOptions | None = None) -> None:
        self._options = options or patient_options(RpcOptions())
        self._tokens: dict[NodeId, Token] = {}
        self._clients: dict[NodeId, RpcClient] = {}
        self._open = contextlib.AsyncExitStack()

    async def aclose(self) -> None:
        """Close the connections to all nodes."""
        await self._open.aclose()

    def keep(self, tokens: Iterable[NMToken]) -> None:
        """Store tokens; a newer one replaces an older one at the next connect."""
        for token in tokens:
            self._tokens[token.node_id] = token.token
            self._clients.pop(token.node_id, None)

    async def _client(self, node: NodeId) -> RpcClient:
        client = self._clients.get(node)
        if client is None:
            token = self._tokens.get(node)
            if token is None:
                raise LocalProtocolError(f"no NMToken for node {node}")
            address = Address(node.host, node.port)
            client = RpcClient((address,), PROTOCOL, TokenUser(token), options=self._options)
            self._clients[node] = client
            await self._open.enter_async_context(client)
        return client

    async def start_container(self, container: Container, context: ContainerLaunchContext) -> None:
        """Start a container; its files are localized after the response.

        A start whose response was lost is repeated, and executed once.

        Raises:
            StaleContainerError: The ResourceManager was restarted after it allocated the container.
            RemoteError: The NodeManager refused.
        """
        if container.container_token is None:
            raise LocalProtocolError(f"{container.id} has no container token")
        request = records.StartContainersRequest(
            start_container_request=(
                records.StartContainerRequest(
                    container_launch_context=context, container_token=container.container_token
                ),
            )
        )
        client = await self._client(container.node_id)
        response = await client.call(START_CONTAINERS, request)
        failed = tuple(
            entry
            for entry in response.failed_requests
            if not any(sign in entry.exception.message for sign in _ALREADY_STARTED)
        )
        _raise_first(failed, "startContainers", container.node_id)

    async def stop_container(self, container_id: ContainerId, node: NodeId) -> None:
        """Stop a container; its processes get SIGTERM, and SIGKILL shortly after.

        Raises:
            RemoteError: The NodeManager refused.
        """
        client = await self._client(node)
        request = records.StopContainersRequest(container_id=(container_id,))
        response = await client.call(STOP_CONTAINERS, request)
        _raise_first(response.failed_requests, "stopContainers", node)

    async def signal_container(
        self, container_id: ContainerId, node: NodeId, command: SignalContainerCommand
    ) -> None:
        """Signal a container's processes.

        The NodeManager ignores an unknown container, and one whose program has not started.
        """
        client = await self._client(node)
        request = SignalContainerRequest(container_id=container_id, command=command)
        await client.call(SIGNAL_TO_CONTAINER, request)

    async def get_container_status(
        self, container_id: ContainerId, node: NodeId
    ) -> ContainerStatus:
        """The status of a container.

        Raises:
            RemoteError: The container is unknown on the node.
        """
        client = await self._client(node)
        request = records.GetContainerStatusesRequest(container_id=(container_id,))
        response = await client.call(GET_CONTAINER_STATUSES, request)
        _raise_first(response.failed_requests, "getContainerStatuses", node)
        return response.status[0]


def _raise_first(
    failed: tuple[records.ContainerExceptionMap, ...], method: str, node: NodeId
) -> None:
    for entry in failed:
        error = entry.exception
        # The last lines of a message may be the Java stack.
        lines = [line for line in error.message.splitlines() if not line.startswith("\tat ")]
        message = " ".join(" ".join(lines).split())
        raise translate(error.class_name, message, method=method, address=str(node))

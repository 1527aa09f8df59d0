"""Nodes that a ResourceManager takes for NodeManagers, without a process for each.

They register, and send a heartbeat every 10 seconds, each at a moment of its own. The scheduler
allocates containers on them, which nobody starts.
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import os
import random
import time
from dataclasses import dataclass

from part import Task

from yarnhub.base.tasks import task_group
from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.codec import proto
from yarnhub.hadoop.ipc.client import RpcClient
from yarnhub.hadoop.scalars import BOOL, INT32, INT64, STRING
from yarnhub.hadoop.wire.method import Method, Protocol
from yarnhub.yarn.addresses import resource_manager
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import Resource

HEARTBEAT = 10.0
"""Seconds from one heartbeat of a node to the next."""
FIRST = ipaddress.ip_address("127.1.0.1")
"""The first node's address: names would be looked up."""
PORT, WEB_PORT = 45454, 8042
SIZE = Resource(memory=64 << 10, virtual_cores=16)


class NodeAction(enum.IntEnum):
    """What a node is to do. Source: yarn_server_common_protos.proto."""

    NORMAL = 0
    RESYNC = 1
    SHUTDOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNodeManagerRequest:
    """A node that registers. Source: yarn_server_common_service_protos.proto, as the following."""

    node_id: NodeId = proto(1, NodeId, NodeId())
    http_port: int = proto(3, INT32, 0)
    resource: Resource = proto(4, Resource, Resource())
    nm_version: str = proto(5, STRING, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNodeManagerResponse:
    """Whether it may work."""

    node_action: NodeAction = proto(3, NodeAction, NodeAction.NORMAL)
    diagnostics_message: str = proto(5, STRING, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealthStatus:
    """How a node is; the time is ms since 1970."""

    is_node_healthy: bool = proto(1, BOOL, default=False)
    health_report: str = proto(2, STRING, "")
    last_health_report_time: int = proto(3, INT64, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """What a node does; `response_id` is from the last response."""

    node_id: NodeId = proto(1, NodeId, NodeId())
    response_id: int = proto(2, INT32, 0)
    node_health_status: NodeHealthStatus = proto(4, NodeHealthStatus, NodeHealthStatus())


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHeartbeatRequest:
    """A heartbeat."""

    node_status: NodeStatus = proto(1, NodeStatus, NodeStatus())


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHeartbeatResponse:
    """Whether the node may continue."""

    response_id: int = proto(1, INT32, 0)
    node_action: NodeAction = proto(4, NodeAction, NodeAction.NORMAL)
    diagnostics_message: str = proto(8, STRING, "")


TRACKER = ("yarn.resourcemanager.resource-tracker.address", 8031)
PROTOCOL = Protocol("org.apache.hadoop.yarn.server.api.ResourceTrackerPB")
REGISTER = Method(
    "registerNodeManager", RegisterNodeManagerRequest, RegisterNodeManagerResponse, idempotent=True
)
# A retry has the same response id, for which the ResourceManager repeats its last response.
BEAT = Method("nodeHeartbeat", NodeHeartbeatRequest, NodeHeartbeatResponse, idempotent=True)


async def main() -> None:
    """Register the nodes, and send their heartbeats until they are to end."""
    task = await Task.receive()
    settings = Settings.from_environment(os.environ)
    addresses = resource_manager(settings.configuration, TRACKER).addresses
    beats = 0

    async def live(node: NodeId) -> None:
        nonlocal beats
        last = 0
        await asyncio.sleep(random.uniform(0, HEARTBEAT))
        while True:
            health = NodeHealthStatus(
                is_node_healthy=True, last_health_report_time=int(time.time() * 1000)
            )
            status = NodeStatus(node_id=node, response_id=last, node_health_status=health)
            response = await tracker.call(BEAT, NodeHeartbeatRequest(node_status=status))
            check(response)
            last = response.response_id
            beats += 1
            await asyncio.sleep(HEARTBEAT)

    async with RpcClient(addresses, PROTOCOL, settings.user) as tracker, task_group() as group:
        nodes = [NodeId(host=str(FIRST + n), port=PORT) for n in range(task.words["count"])]
        for each in nodes:
            request = RegisterNodeManagerRequest(
                node_id=each, http_port=WEB_PORT, resource=SIZE, nm_version=task.words["version"]
            )
            check(await tracker.call(REGISTER, request))
        living = [group.create_task(live(each)) for each in nodes]
        task.say(nodes=len(nodes))
        await task.ended()
        task.say(beats=beats)
        for each in living:
            each.cancel()


def check(response: RegisterNodeManagerResponse | NodeHeartbeatResponse) -> None:
    """End if the ResourceManager does not accept a node."""
    if response.node_action is not NodeAction.NORMAL:
        raise SystemExit(f"{response.node_action.name}: {response.diagnostics_message}")


if __name__ == "__main__":
    asyncio.run(main())

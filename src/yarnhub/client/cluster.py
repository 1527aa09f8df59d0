"""A cluster's nodes and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.yarn.queues.tree import descendants, line_to
from yarnhub.yarn.records.cluster import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.client import Client
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo


async def find_nodes(
    client: Client, states: Iterable[NodeState] = NodeState
) -> tuple[NodeReport, ...]:
    """The nodes in these states, by id."""
    wanted = tuple(states)
    if not wanted:
        return ()  # without states, YARN returns the running nodes
    found = await client.resource_manager.get_cluster_nodes(wanted)
    return tuple(sorted(found, key=lambda node: (node.node_id.host, node.node_id.port)))


async def find_queue(client: Client, name: str) -> QueueInfo:
    """A queue with its children.

    Args:
        client: The cluster.
        name: The queue's name or path, or the end of its path.

    Raises:
        ValueError: There is no such queue.
    """
    line = line_to(await client.resource_manager.get_queues(), name)
    if not line:
        raise ValueError(f"Queue {name!r} doesn't exist")
    return line[-1]


async def find_all_queues(client: Client) -> tuple[QueueInfo, ...]:
    """All queues below the root, each before its children."""
    root = await client.resource_manager.get_queues()
    return () if root is None else tuple(descendants(root))

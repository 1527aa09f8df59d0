"""The nodes and queues of a cluster, requested once for all who look at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.deadline import Deadline
from yarnhub.base.single_flight import SingleFlight
from yarnhub.base.tasks import task_group
from yarnhub.yarn.records.cluster import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo

_FRESH = 3.0
"""Seconds for which a response is shown."""
_ASK = 20.0
"""Seconds for the ResourceManager to respond."""
_SILENT = f"YARN does not respond within {_ASK:g} s"


class Source(Protocol):
    """The calls of `yarnhub.yarn.resource_manager.ResourceManager` that this makes."""

    async def get_cluster_nodes(self, states: Iterable[NodeState] = ()) -> tuple[NodeReport, ...]:
        """The nodes in these states."""

    async def get_queues(self) -> QueueInfo | None:
        """The root queue with all below it, each with its path."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What YARN shows of a cluster to everybody.

    Attributes:
        nodes: The nodes in all states, by host and port.
        root: The root queue with all below it; None if the scheduler reports none.
    """

    nodes: tuple[NodeReport, ...]
    root: QueueInfo | None


class ClusterLook:
    """Looks at a cluster, at most every 3 seconds.

    Args:
        source: The ResourceManager.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._flight = SingleFlight(self._look, fresh=_FRESH)

    async def get(self) -> ClusterFacts:
        """The cluster. Cancelling leaves the look to the others who wait for it.

        Raises:
            YarnhubError: The ResourceManager does not respond.
        """
        return await self._flight.get()

    async def _look(self) -> ClusterFacts:
        async with Deadline(_ASK, _SILENT), task_group() as group:
            nodes = group.create_task(self._source.get_cluster_nodes(NodeState))
            root = group.create_task(self._source.get_queues())
        found = sorted(nodes.result(), key=lambda each: (each.node_id.host, each.node_id.port))
        return ClusterFacts(tuple(found), root.result())

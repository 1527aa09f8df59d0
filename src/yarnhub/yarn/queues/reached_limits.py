"""Which limits of a YARN queue are reached, from the scheduler's figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.yarn.records.cluster import NodeState, QueueStatistics
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.yarn.queues.scheduler_page import LeafFigures
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedLimit:
    """A limit that is reached.

    Attributes:
        queue: The path of the queue with the limit.
        user: The user whose share of the queue is limited; empty for the limit of all users.
        used: The current usage, by YARN's names of resources; memory in MiB.
        limit: The limit.
    """

    queue: str
    user: str = ""
    used: Mapping[str, int]
    limit: Mapping[str, int]


def full_queue(
    line: Sequence[QueueInfo],
    figures: LeafFigures | None,
    nodes: Sequence[NodeReport],
    amounts: Mapping[str, int],
) -> ReachedLimit | None:
    """The first queue that is full for a container without a label; None if none is.

    Args:
        line: The queue and its parents, from the root down.
        figures: The queue's figures; None if unknown.
        nodes: All nodes, in any state.
        amounts: The requested resources.
    """
    share = 1.0
    for queue in line:
        share *= queue.maximum_capacity
        used, limit = _used(queue), _part_of_cluster(share, nodes)
        if _exceeds(used, amounts, limit):
            return ReachedLimit(queue=queue.queue_path, used=used, limit=limit)
    # The FairScheduler reports no maximum by RPC.
    if not share and figures is not None and _exceeds(figures.used, amounts, figures.limit):
        return ReachedLimit(queue=figures.path, used=figures.used, limit=figures.limit)
    return None


def user_limit(figures: LeafFigures, user: str) -> ReachedLimit | None:
    """The limit of one user in a queue, if the user has reached it."""
    its = figures.users.get(user)
    if its is None or not its.limit.get(MEMORY) or its.used[MEMORY] <= its.limit[MEMORY]:
        return None
    return ReachedLimit(queue=figures.path, user=user, used=its.used, limit=its.limit)


def master_limit(figures: LeafFigures, user: str) -> ReachedLimit | None:
    """The limit of ApplicationMasters, if even the smallest does not fit."""
    least = figures.am_least
    if _exceeds(figures.am_used, least, figures.am_limit):
        return ReachedLimit(queue=figures.path, used=figures.am_used, limit=figures.am_limit)
    its = figures.users.get(user)
    if its is not None and _exceeds(its.am_used, least, figures.user_am_limit):
        return ReachedLimit(
            queue=figures.path, user=user, used=its.am_used, limit=figures.user_am_limit
        )
    return None


def _used(queue: QueueInfo) -> dict[str, int]:
    numbers = queue.queue_statistics or QueueStatistics()
    return {MEMORY: numbers.allocated_memory_mb, VCORES: numbers.allocated_vcores}


def _part_of_cluster(share: float, nodes: Sequence[NodeReport]) -> dict[str, int]:
    """The resources of a queue with this share; empty if unknown."""
    running = [node.capability for node in nodes if node.node_state is NodeState.RUNNING]
    if not share or not running:
        return {}
    return {
        MEMORY: int(share * sum(each.memory or 0 for each in running)),
        VCORES: int(share * sum(each.virtual_cores or 0 for each in running)),
    }


def _exceeds(used: Mapping[str, int], more: Mapping[str, int], limit: Mapping[str, int]) -> bool:
    """Whether a resource would exceed its limit, if it has one."""
    return any(used.get(name, 0) + more.get(name, 0) > most for name, most in limit.items())

"""Why a request for containers is pending: pure, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.client.explain.limit_reasons import limits_reached
from yarnhub.client.explain.reasons import (
    ApplicationUsage,
    Diagnostics,
    LabelNotAccessible,
    LargerThanAnyNode,
    NoMatchingNode,
    NoNode,
    NoRoomOnNodes,
    NothingInTheWay,
    PossibleMasterLimit,
    QueueFull,
    UnavailableNode,
)
from yarnhub.yarn.queues.reached_limits import full_queue
from yarnhub.yarn.queues.usable import may_use_label
from yarnhub.yarn.records.cluster import NodeState
from yarnhub.yarn.records.resources import MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.explain.facts import ApplicationFacts
    from yarnhub.client.explain.reasons import PendingRequest, Reason
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.cluster import NodeReport

_UNAVAILABLE = (NodeState.UNHEALTHY, NodeState.LOST, NodeState.DECOMMISSIONING)


def why_pending(
    request: PendingRequest, facts: ApplicationFacts, *, sure: bool = False
) -> list[Reason]:
    """Why a request is not granted, as far as known; at least one reason.

    Args:
        request: The pending request.
        facts: The facts.
        sure: Whether another reason is known; then there may be none.
    """
    queue = _queue_for(request, facts)
    found = [*_nodes_for(request, facts), *([queue] if queue else []), *limits_reached(facts)]
    return found or ([] if sure else _nothing_in_the_way(request, facts))


def waiting_diagnostics(report: ApplicationReport) -> str:
    """YARN's diagnostics of a waiting application, without the figures at the end."""
    return report.diagnostics.partition(" Details :")[0].strip()


# --- nodes


def _nodes_for(request: PendingRequest, facts: ApplicationFacts) -> list[Reason]:
    running = [node for node in facts.nodes if node.node_state is NodeState.RUNNING]
    unavailable = tuple(
        UnavailableNode(str(node.node_id), node.node_state, node.health_report)
        for node in facts.nodes
        if node.node_state in _UNAVAILABLE
    )
    if not running:
        return [NoNode(request, unavailable)]
    allowed = [node for node in running if _may_run_on(request, node, facts.shared_labels)]
    if not allowed:
        labels = {label for node in facts.nodes for label in node.node_labels if label}
        return [NoMatchingNode(request, unavailable, tuple(sorted(labels)))]
    largest = {
        name: max(node.capability.amounts().get(name, 0) for node in allowed)
        for name in request.amounts
    }
    exceeding = {name: amount for name, amount in request.amounts.items() if amount > largest[name]}
    if exceeding:
        most = {name: largest[name] for name in exceeding}
        return [LargerThanAnyNode(request, unavailable, exceeding, most)]
    free = {node.node_id: _free(node) for node in allowed}
    if any(_fits(request.amounts, each) for each in free.values()):
        return []
    best = max(free, key=lambda each: free[each].get(MEMORY, 0))
    return [NoRoomOnNodes(request, unavailable, str(best), free[best])]


def _may_run_on(request: PendingRequest, node: NodeReport, shared: frozenset[str]) -> bool:
    """Whether a node matches a request.

    Args:
        request: The request.
        node: The node.
        shared: Labels whose nodes also accept requests without a label.
    """
    labels = {label for label in node.node_labels if label}
    fits = request.label in labels if request.label else labels <= shared
    chosen = node.node_id.host in request.hosts or node.rack_name in request.racks
    return fits and (chosen or not (request.hosts or request.racks))


def _free(node: NodeReport) -> dict[str, int]:
    used = node.used.amounts()
    return {name: has - used.get(name, 0) for name, has in node.capability.amounts().items()}


def _fits(amounts: Mapping[str, int], free: Mapping[str, int]) -> bool:
    return all(amount <= free.get(name, 0) for name, amount in amounts.items())


# --- queues


def _queue_for(request: PendingRequest, facts: ApplicationFacts) -> Reason | None:
    if not facts.queues:
        return None
    if request.label:
        if may_use_label(facts.queues[-1], request.label):
            return None  # it has other limits under a label, which are not reported
        return LabelNotAccessible(request)
    full = full_queue(facts.queues, facts.figures, facts.nodes, request.amounts)
    if full is None:
        return None
    return QueueFull(request, full.queue, full.used, full.limit, _holders(facts))


def _holders(facts: ApplicationFacts) -> tuple[ApplicationUsage, ...]:
    holders = [
        ApplicationUsage(str(each.application_id), each.user, memory)
        for each in facts.neighbours
        if (memory := _memory(each)) > 0
    ]
    return tuple(sorted(holders, key=lambda each: each.memory, reverse=True))


def _memory(report: ApplicationReport) -> int:
    return report.app_resource_usage.used_resources.memory or 0


# --- no reason found


def _nothing_in_the_way(request: PendingRequest, facts: ApplicationFacts) -> list[Reason]:
    report = facts.report
    held = sum(_memory(each) for each in facts.neighbours if each.user == report.user)
    reasons: list[Reason] = [NothingInTheWay(request, report.user, report.queue, held)]
    if report.unmanaged_application and facts.figures is None:
        reasons.append(PossibleMasterLimit())
    if diagnostics := waiting_diagnostics(report):
        reasons.append(Diagnostics(diagnostics))
    return reasons

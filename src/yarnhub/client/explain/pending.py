"""What stands in the way of a container that is asked for, in plain words: pure, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.client.explain.amounts import in_words
from yarnhub.client.explain.limits import limits_reached
from yarnhub.control import diagnostics
from yarnhub.yarn.records.cluster import NodeState, QueueStatistics
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.explain.facts import Evidence
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo

_AWAY = (NodeState.UNHEALTHY, NodeState.LOST, NodeState.DECOMMISSIONING)
_MOST = 3
"""How many of a kind are named."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A container that somebody waits for, and where it may run; empty is anywhere."""

    who: str
    amounts: Mapping[str, int]
    label: str = ""
    hosts: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()

    def may_run_on(self, node: NodeReport, shared: frozenset[str]) -> bool:
        """Whether a node is one that will do."""
        labels = {label for label in node.node_labels if label}
        fits = self.label in labels if self.label else labels <= shared
        chosen = node.node_id.host in self.hosts or node.rack_name in self.racks
        return fits and (chosen or not (self.hosts or self.racks))


def obstacles(ask: Ask, evidence: Evidence, *, sure: bool = False) -> list[str]:
    """Why a request is not granted, as far as it can be seen; at least one sentence.

    Args:
        ask: What is waited for.
        evidence: All that is known.
        sure: Whether a reason is known already; then it may be none.
    """
    found = [*_nodes_for(ask, evidence), *_queue_for(ask, evidence), *limits_reached(evidence)]
    return found or ([] if sure else _nothing_in_the_way(ask, evidence))


def _nodes_for(ask: Ask, evidence: Evidence) -> list[str]:
    running = [node for node in evidence.nodes if node.node_state is NodeState.RUNNING]
    away = _away(evidence)
    if not running:
        return [f"{ask.who} waits for a node: none runs{away}."]
    allowed = [node for node in running if ask.may_run_on(node, evidence.shared_labels)]
    if not allowed:
        return [
            f"{ask.who} waits for a node {_wanted(ask)}: none runs{away}.{_labels(ask, evidence)}"
        ]
    largest = {
        name: max(node.capability.amounts().get(name, 0) for node in allowed)
        for name in ask.amounts
    }
    too_much = {name: amount for name, amount in ask.amounts.items() if amount > largest[name]}
    if too_much:
        has = in_words({name: largest[name] for name in too_much})
        reason = (
            f"{ask.who} asks for {in_words(too_much)}, and no node has more than {has}{away}: that "
            "can never be granted."
        )
        return [reason]
    free = {node.node_id: _free(node) for node in allowed}
    if any(_fits(ask.amounts, each) for each in free.values()):
        return []
    best = max(free, key=lambda each: free[each].get(MEMORY, 0))
    reason = (
        f"{ask.who} asks for {in_words(ask.amounts)} on one node, and none has room now: most "
        f"memory is free on {best}, {in_words(free[best])}{away}."
    )
    return [reason]


def _wanted(ask: Ask) -> str:
    places = [*ask.hosts, *(f"rack {rack}" for rack in ask.racks)]
    label = [f"with the label {ask.label!r}"] if ask.label else []
    among = [f"among {', '.join(places)}"] if places else []
    return " ".join(label + among) or "without a label"


def _labels(ask: Ask, evidence: Evidence) -> str:
    labels = sorted({label for node in evidence.nodes for label in node.node_labels if label})
    if labels:
        return f" Nodes have the labels {', '.join(labels)}."
    return " No node has any label." if ask.label else ""


def _away(evidence: Evidence) -> str:
    """The nodes that do not run, as a clause."""
    gone = [_state(node) for node in evidence.nodes if node.node_state in _AWAY]
    more = [f"{len(gone) - _MOST} more do not run"] if len(gone) > _MOST else []
    return f" ({', '.join(gone[:_MOST] + more)})" if gone else ""


def _state(node: NodeReport) -> str:
    health = " ".join(node.health_report.split())[:200]
    return f"{node.node_id} is {node.node_state.name}{f': {health}' if health else ''}"


def _queue_for(ask: Ask, evidence: Evidence) -> list[str]:
    if not evidence.queues:
        return []
    labels = {label.strip() for label in evidence.queues[-1].accessible_node_labels}
    if ask.label:
        if labels & {ask.label, "*"}:
            return []  # it has other limits under a label, which are not reported
        return [f"{ask.who} asks for the label {ask.label!r}, which its queue may not use."]
    share = 1.0
    for queue in evidence.queues:
        share *= queue.maximum_capacity
        path = queue.queue_path or queue.queue_name
        full = _full(ask, path, _used(queue), _limit(share, evidence), evidence)
        if full:
            return full
    if not share and (figures := evidence.figures) is not None:
        # The FairScheduler tells RPC no maximum.
        return _full(ask, figures.path, figures.used, figures.limit, evidence)
    return []


def _full(
    ask: Ask, queue: str, used: Mapping[str, int], limit: Mapping[str, int], evidence: Evidence
) -> list[str]:
    """The sentence on a queue that has no room for what is asked for; no limit is never reached."""
    if not any(used[name] + ask.amounts.get(name, 0) > most for name, most in limit.items()):
        return []
    reason = (
        f"{ask.who} asks for {in_words(ask.amounts)}, and queue {queue} is full: it holds "
        f"{in_words(used)} of {in_words(limit)}{_holders(evidence)}. It goes on when some of that "
        "ends; or use another queue."
    )
    return [reason]


def _limit(share: float, evidence: Evidence) -> dict[str, int]:
    """What a queue with this share of the cluster may hold; empty where that is not known."""
    running = [node.capability for node in evidence.nodes if node.node_state is NodeState.RUNNING]
    if not share or not running:
        return {}
    return {
        MEMORY: int(share * sum(each.memory or 0 for each in running)),
        VCORES: int(share * sum(each.virtual_cores or 0 for each in running)),
    }


def _used(queue: QueueInfo) -> dict[str, int]:
    numbers = queue.queue_statistics or QueueStatistics()
    return {MEMORY: numbers.allocated_memory_mb, VCORES: numbers.allocated_vcores}


def _holders(evidence: Evidence) -> str:
    def memory(report: ApplicationReport) -> int:
        return report.app_resource_usage.used_resources.memory or 0

    holders = [each for each in evidence.neighbours if memory(each) > 0]
    holders.sort(key=memory, reverse=True)
    named = [
        f"{each.application_id} of {each.user} ({memory(each)} MiB)" for each in holders[:_MOST]
    ]
    return f", most of it {', '.join(named)}" if named else ""


def _nothing_in_the_way(ask: Ask, evidence: Evidence) -> list[str]:
    report = evidence.report
    own = sum(
        each.app_resource_usage.used_resources.memory or 0
        for each in evidence.neighbours
        if each.user == report.user
    )
    room = (
        f"{ask.who} asks for {in_words(ask.amounts)}, and there is room: YARN grants it within "
        f"seconds. If it does not, {report.user} has reached a user's limit in queue "
        f"{report.queue} (holding {own} MiB there now; user-limit-factor, "
        "minimum-user-limit-percent), or others come first."
    )
    reasons = [room]
    if report.unmanaged_application and evidence.figures is None:
        reasons.append(
            "Its ApplicationMaster runs outside of YARN and counts against the queue's limit for "
            "ApplicationMasters all the same: over that, YARN grants nothing and does not say so."
        )
    if said := diagnostics.explain(report.diagnostics.partition(" Details :")[0]):
        reasons.append(f"YARN says: {said}")
    return reasons


def _free(node: NodeReport) -> dict[str, int]:
    used = node.used.amounts()
    return {name: has - used.get(name, 0) for name, has in node.capability.amounts().items()}


def _fits(amounts: Mapping[str, int], free: Mapping[str, int]) -> bool:
    return all(amount <= free.get(name, 0) for name, amount in amounts.items())

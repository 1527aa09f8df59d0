"""The sentences of an explanation, common to all user interfaces: no I/O, no command's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from yarnhub.client.explain.explanation import Phase
from yarnhub.client.explain.reasons import (
    ContainersFailed,
    ContainersPreempted,
    ContainersStarting,
    Diagnostics,
    LabelNotAccessible,
    LargerThanAnyNode,
    MasterFailed,
    MasterLimit,
    NoMatchingNode,
    NoNode,
    NoRoomOnNodes,
    NothingInTheWay,
    OwnerOnly,
    ParallelLimit,
    PossibleMasterLimit,
    QueueFull,
    QueueNotRunning,
    UnmanagedMasterLimit,
    UserLimit,
    WaitsForServices,
)
from yarnhub.control import diagnostics
from yarnhub.control.words import describe
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.explain.reasons import (
        ApplicationUsage,
        MissingService,
        PendingRequest,
        Reason,
        UnavailableNode,
    )
    from yarnhub.control.outcomes import Outcome

_MAX_NAMED = 3
"""The number of items that are named in a sentence."""


def summary(explanation: Explanation) -> str:
    """One sentence on what an application does."""
    match explanation.phase:
        case Phase.SUBMITTED:
            return "The ResourceManager is processing the submission."
        case Phase.MASTER_PENDING:
            return "It waits for a container for its ApplicationMaster."
        case Phase.MASTER_STARTING:
            return (
                "Its ApplicationMaster has a container and is starting: its node fetches files, "
                "then it registers."
            )
        case Phase.MASTER_UNREGISTERED:
            return "Its ApplicationMaster, which runs outside of YARN, has not registered yet."
        case Phase.RUNNING:
            containers = counted(explanation.running, "container")
            if explanation.pending is None:
                return f"It runs, with {containers}."
            more = f" and waits for {explanation.pending} more" if explanation.pending else ""
            return f"It runs, with {containers} of its services{more}."
        case Phase.ENDED:
            state, status = explanation.state.name, explanation.final_status.name
            how = state if state == status else f"{state}, {status}"
            text = _on_one_line(explanation.outcome)
            return f"It has ended ({how}){f': {text}' if text else '.'}"


def sentences(explanation: Explanation, *, logs: str) -> tuple[str, ...]:
    """The reasons in sentences; after a failure, also where its logs are.

    Args:
        explanation: The explanation.
        logs: How the reader gets the application's logs.
    """
    found = [sentence(reason) for reason in explanation.reasons]
    succeeded = explanation.final_status is FinalApplicationStatus.SUCCEEDED
    if explanation.phase is Phase.ENDED and not succeeded:
        found.append(f"Its logs may say more: {logs}")
    return tuple(found)


def sentence(reason: Reason) -> str:
    """A reason, in a sentence or two."""
    match reason:
        case NoNode() | NoMatchingNode() | LargerThanAnyNode() | NoRoomOnNodes():
            return _on_nodes(reason)
        case QueueNotRunning() | LabelNotAccessible() | QueueFull():
            return _on_queue(reason)
        case MasterLimit() | UnmanagedMasterLimit():
            return _on_masters(reason)
        case ParallelLimit() | UserLimit() | PossibleMasterLimit():
            return _on_limit(reason)
        case NothingInTheWay():
            return (
                f"{_subject(reason.request)} requests {in_words(reason.request.amounts)}, and "
                "there is room: YARN grants it within seconds. If it does not, "
                f"{reason.user} has reached a user's limit in queue {reason.queue} (holding "
                f"{reason.held} MiB there now; user-limit-factor, minimum-user-limit-percent), or "
                "others come first."
            )
        case Diagnostics():
            return f"YARN's diagnostics: {diagnostics.explain(reason.raw)}"
        case WaitsForServices() | ContainersStarting() | ContainersFailed() | OwnerOnly():
            return _on_services(reason)
        case MasterFailed():
            text = _on_one_line(reason.outcome)
            return f"Run {reason.attempt} of its ApplicationMaster failed: {text}"
        case ContainersPreempted():
            return "YARN preempted containers of it for other queues."
        case _:
            assert_never(reason)


def _on_one_line(outcome: Outcome | None) -> str:
    return " ".join(describe(outcome).splitlines()) if outcome is not None else ""


# --- nodes


def _on_nodes(reason: NoNode | NoMatchingNode | LargerThanAnyNode | NoRoomOnNodes) -> str:
    who = _subject(reason.request)
    away = _unavailable(reason.unavailable)
    match reason:
        case NoNode():
            return f"{who} waits for a node: no node is running{away}."
        case NoMatchingNode(request, _, labels):
            others = f" Nodes have the labels {', '.join(labels)}." if labels else ""
            if request.label and not labels:
                others = " No node has any label."
            return (
                f"{who} waits for a node {_wanted(request)}: no such node is running{away}.{others}"
            )
        case LargerThanAnyNode():
            return (
                f"{who} requests {in_words(reason.exceeding)}, and no node has more than "
                f"{in_words(reason.largest)}{away}: that can never be granted."
            )
        case NoRoomOnNodes():
            return (
                f"{who} requests {in_words(reason.request.amounts)} on one node, and none has "
                f"room now: most memory is free on {reason.node}, {in_words(reason.free)}{away}."
            )


def _subject(request: PendingRequest) -> str:
    if not request.service:
        return "It"
    if request.count > 1:
        return f"Each of {request.count} containers of {request.service}"
    return f"A container of {request.service}"


def _wanted(request: PendingRequest) -> str:
    places = [*request.hosts, *(f"rack {rack}" for rack in request.racks)]
    label = [f"with the label {request.label!r}"] if request.label else []
    among = [f"among {', '.join(places)}"] if places else []
    return " ".join(label + among) or "without a label"


def _unavailable(nodes: Sequence[UnavailableNode]) -> str:
    """The nodes that are not running, as a clause."""
    named = []
    for each in nodes[:_MAX_NAMED]:
        health = " ".join(each.raw.split())[:200]
        named.append(f"{each.node} is {each.state.name}{f': {health}' if health else ''}")
    if len(nodes) > _MAX_NAMED:
        named.append(f"{len(nodes) - _MAX_NAMED} more are not running")
    return f" ({', '.join(named)})" if named else ""


# --- queues and their limits


def _on_queue(reason: QueueNotRunning | LabelNotAccessible | QueueFull) -> str:
    match reason:
        case QueueNotRunning(queue, state):
            return f"Queue {queue} is {state.name}."
        case LabelNotAccessible(request):
            who = _subject(request)
            return f"{who} requests the label {request.label!r}, to which its queue has no access."
        case QueueFull(request):
            return (
                f"{_subject(request)} requests {in_words(request.amounts)}, and queue "
                f"{reason.queue} is full: it holds {in_words(reason.used)} of "
                f"{in_words(reason.limit)}{_holders(reason.holders)}. It continues when enough "
                "of that is released; or use another queue."
            )


def _holders(holders: Sequence[ApplicationUsage]) -> str:
    named = [
        f"{each.application} of {each.user} ({each.memory} MiB)" for each in holders[:_MAX_NAMED]
    ]
    return f", most of it {', '.join(named)}" if named else ""


def _on_masters(reason: MasterLimit | UnmanagedMasterLimit) -> str:
    match reason:
        case MasterLimit(queue, user):
            whose = f"of {user} in" if user else "of"
            return (
                f"The ApplicationMasters {whose} queue {queue} can use at most "
                f"{in_words(reason.limit)} in total; the queue's ApplicationMasters use "
                f"{in_words(reason.used)}, and this one requests {in_words(reason.asked)}. It "
                "starts when another application of the queue ends; or use another queue, or less "
                "in `master.resources`, or have "
                "yarn.scheduler.capacity.maximum-am-resource-percent raised."
            )
        case UnmanagedMasterLimit(queue, user):
            verb = "waits" if reason.waiting == 1 else "wait"
            whose = f" of {user}" if user else ""
            each = "for one user " if user else ""
            return (
                f"{counted(reason.waiting, 'application')} of queue {queue} {verb} to be "
                f"activated: ApplicationMasters{whose} use {in_words(reason.used)}, and the limit "
                f"{each}there is {in_words(reason.limit)}. An unmanaged one counts as "
                f"a smallest container, {in_words(reason.counted)}. It starts when another "
                "application there ends; or use another queue, or have "
                f"yarn.scheduler.capacity.{queue}.maximum-am-resource-percent or "
                "yarn.scheduler.capacity.maximum-am-resource-percent raised."
            )


def _on_limit(reason: ParallelLimit | UserLimit | PossibleMasterLimit) -> str:
    match reason:
        case ParallelLimit():
            return _parallel(reason)
        case UserLimit(user, queue, used, limit):
            return (
                f"{user} uses {in_words(used)} in queue {queue}, where the limit for one user is "
                f"{in_words(limit)} now (user-limit-factor, minimum-user-limit-percent). It "
                "continues when enough of that is released."
            )
        case PossibleMasterLimit():
            return (
                "Its ApplicationMaster runs outside of YARN, but counts against the queue's limit "
                "on ApplicationMasters: beyond that limit, YARN allocates no containers, and does "
                "not report why."
            )


def _parallel(reason: ParallelLimit) -> str:
    waiting = f"{counted(reason.held_back, 'application')} of queue {reason.queue}"
    verb = "is" if reason.held_back == 1 else "are"
    if reason.limited is None:
        return (
            f"{waiting} {verb} held back: the limit on running applications of the queue or of the "
            f"user is reached (yarn.scheduler.capacity.{reason.queue}.max-parallel-apps, or "
            f"yarn.scheduler.capacity.user.{reason.user}.max-parallel-apps). It starts when "
            "another one ends; or use another queue."
        )
    queue, limit = reason.limited
    setting = (
        "maxRunningApps in the FairScheduler's allocation file"
        if reason.fair
        else f"setting yarn.scheduler.capacity.{queue}.max-parallel-apps"
    )
    return (
        f"{waiting} {verb} held back: queue {queue} runs {counted(limit, 'application')} at a time "
        f"({setting}). It starts when another one there ends; or use another queue."
    )


# --- services


def _on_services(
    reason: WaitsForServices | ContainersStarting | ContainersFailed | OwnerOnly,
) -> str:
    match reason:
        case WaitsForServices(service, count, missing):
            verb = "waits" if count == 1 else "wait"
            others = ", ".join(map(_missing, missing)) or "a service"
            return f"{counted(count, 'container')} of {service} {verb} for {others}."
        case ContainersStarting(service, count):
            verb = "is" if count == 1 else "are"
            return (
                f"{counted(count, 'container')} of {service} {verb} starting: the node fetches "
                "files first."
            )
        case ContainersFailed(service, count, last, outcome):
            text = describe(outcome)
            return f"{counted(count, 'container')} of {service} failed; the last, {last}: {text}"
        case OwnerOnly():
            return "Only its owner can see what it waits for."


def _missing(missing: MissingService) -> str:
    if not missing.instances:
        return f"{missing.service} (no instance)"
    return f"{missing.service} ({missing.not_started} of {missing.instances} not started)"


# --- amounts


def in_words(amounts: Mapping[str, int]) -> str:
    """Amounts in words, such as `512 MiB and 1 vcore`."""
    parts = []
    for name, amount in amounts.items():
        if name == MEMORY:
            parts.append(f"{amount} MiB")
        elif name == VCORES:
            parts.append(counted(amount, "vcore"))
        elif amount:
            parts.append(f"{amount} {name}")
    *most, last = parts or ["an unknown amount"]
    return f"{', '.join(most)} and {last}" if most else last


def counted(number: int, thing: str) -> str:
    """For example `1 container` or `2 containers`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"

"""Explaining the state of an application: facts go in, reasons come out.

No I/O and no clock: `yarnhub.client.explain.lookup` collects the facts.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.client.explain.limit_reasons import limits_reached, master_limit, requested_master
from yarnhub.client.explain.pending import waiting_diagnostics, why_pending
from yarnhub.client.explain.reasons import (
    ContainersFailed,
    ContainersPreempted,
    ContainersStarting,
    Diagnostics,
    MasterFailed,
    MissingService,
    OwnerOnly,
    PendingRequest,
    QueueNotRunning,
    WaitsForServices,
)
from yarnhub.control import diagnostics
from yarnhub.control.messages import ContainerState
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.yarn.queues.usable import takes_applications
from yarnhub.yarn.records.applications import YarnApplicationAttemptState, YarnApplicationState
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.client.explain.facts import ApplicationFacts
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.control.messages import ServiceContainer
    from yarnhub.spec import Service
    from yarnhub.yarn.records.applications import FinalApplicationStatus

_ACTIVATED = "Application is Activated"
"""YARN's diagnostics of applications that wait for their first container within the limits
(AMState.ACTIVATED)."""
_NO_LABEL = "<DEFAULT_PARTITION>"
"""YARN's expression for no requested label."""
_STARTING_STATES = (
    YarnApplicationAttemptState.ALLOCATED,
    YarnApplicationAttemptState.ALLOCATED_SAVING,
    YarnApplicationAttemptState.LAUNCHED,
)
_NOT_STARTED = (ContainerState.WAITING, ContainerState.REQUESTED)


class Phase(enum.Enum):
    """How far an application is."""

    SUBMITTED = enum.auto()
    """The ResourceManager is accepting it."""
    MASTER_PENDING = enum.auto()
    """Its ApplicationMaster has no container."""
    MASTER_STARTING = enum.auto()
    """Its ApplicationMaster has one, and has not registered."""
    MASTER_UNREGISTERED = enum.auto()
    """Its ApplicationMaster runs outside of YARN, and has not registered."""
    RUNNING = enum.auto()
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLocation:
    """A container, its node and its resources.

    Attributes:
        container: For example `worker_3`, or `master`; empty if unknown.
        yarn_container_id: YARN's id.
        node: Host and port of its NodeManager.
        resources: Its resources, by YARN's names; memory in MiB.
    """

    container: str
    yarn_container_id: str
    node: str
    resources: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an application is in its state; `yarnhub.client.explain.words` has the sentences.

    Attributes:
        id: The application's.
        state: YARN's.
        final_status: How it ended.
        phase: Its phase.
        running: The number of its containers: of its services if they are known.
        pending: How many more its services wait for; None if unknown.
        outcome: How it ended; None if it has not.
        reasons: The reasons, the most important first.
        places: Its containers and their nodes.
        starting: Containers whose nodes still fetch their files.
    """

    id: str
    state: YarnApplicationState
    final_status: FinalApplicationStatus
    phase: Phase
    running: int = 0
    pending: int | None = None
    outcome: Outcome | None = None
    reasons: tuple[Reason, ...] = ()
    places: tuple[ContainerLocation, ...] = ()
    starting: tuple[str, ...] = ()


def explain(facts: ApplicationFacts) -> Explanation:
    """Explain why an application waits, what it does or how it ended."""
    report = facts.report
    phase = _phase(facts)
    running, pending = _counts(facts)
    return Explanation(
        id=str(report.application_id),
        state=report.yarn_application_state,
        final_status=report.final_application_status,
        phase=phase,
        running=running,
        pending=pending,
        outcome=diagnostics.read(report.diagnostics) if phase is Phase.ENDED else None,
        reasons=_each_once(_reasons(phase, facts)),
        places=_places(facts),
        starting=tuple(sorted(facts.starting)),
    )


def why_no_container(facts: ApplicationFacts) -> Reason | None:
    """Why the services of a running application get no container; None if unknown."""
    for name in facts.spec.services if facts.spec else ():
        requested = _of(_instances(name, facts), ContainerState.REQUESTED)
        if requested and (reason := why_no_more(name, len(requested), facts)):
            return reason
    return None


def why_no_more(service: str, count: int, facts: ApplicationFacts) -> Reason | None:
    """Why a service of a running application would get no more containers; None if unknown.

    Args:
        service: The service's name.
        count: How many more.
        facts: The facts, with the specification.
    """
    assert facts.spec is not None
    request = _request(service, count, facts.spec.services[service], facts)
    return next(iter(why_pending(request, facts, sure=True)), None)


def _phase(facts: ApplicationFacts) -> Phase:
    state = facts.report.yarn_application_state
    if state.ended:
        return Phase.ENDED
    if state is YarnApplicationState.RUNNING:
        return Phase.RUNNING
    if state is not YarnApplicationState.ACCEPTED:
        return Phase.SUBMITTED
    attempt = facts.attempts[-1] if facts.attempts else None
    if attempt is None or attempt.yarn_application_attempt_state not in _STARTING_STATES:
        return Phase.MASTER_PENDING
    if facts.report.unmanaged_application:
        return Phase.MASTER_UNREGISTERED
    return Phase.MASTER_STARTING


def _reasons(phase: Phase, facts: ApplicationFacts) -> list[Reason]:
    match phase:
        case Phase.SUBMITTED:
            return _stopped_queues(facts)
        case Phase.MASTER_PENDING:
            return _why_master_is_pending(facts)
        case Phase.MASTER_STARTING | Phase.MASTER_UNREGISTERED:
            return []
        case Phase.RUNNING:
            return _running(facts)
        case Phase.ENDED:
            return _ended(facts)


def _each_once(reasons: list[Reason]) -> tuple[Reason, ...]:
    """Remove duplicates; reasons have no hash, since they contain mappings."""
    return tuple(each for i, each in enumerate(reasons) if each not in reasons[:i])


# --- ended


def _ended(facts: ApplicationFacts) -> list[Reason]:
    report = facts.report
    own = diagnostics.read(report.diagnostics)
    reasons: list[Reason] = []
    for attempt in facts.attempts:
        failed = attempt.yarn_application_attempt_state is YarnApplicationAttemptState.FAILED
        outcome = diagnostics.read(attempt.diagnostics)
        if failed and outcome.raw and outcome != own:
            reasons.append(MasterFailed(attempt.application_attempt_id.attempt_id, outcome))
    if report.app_resource_usage.preempted_memory_seconds > 0:
        reasons.append(ContainersPreempted())
    return reasons


# --- not running yet


def _why_master_is_pending(facts: ApplicationFacts) -> list[Reason]:
    report = facts.report
    # Hadoop does not always say it; of an application that has nothing yet it is all that it needs.
    needed = report.app_resource_usage.needed_resources
    asked = requested_master(report.diagnostics) or (needed.amounts() if needed.memory else {})
    label = report.am_node_label_expression or ""
    request = PendingRequest("", 1, asked, "" if label == _NO_LABEL else label)
    known: list[Reason] = []
    if limit := master_limit(report):
        known.append(limit)
    elif (diagnostics := waiting_diagnostics(report)) and _ACTIVATED not in diagnostics:
        known.append(Diagnostics(diagnostics))
    return [*_stopped_queues(facts), *known, *why_pending(request, facts, sure=bool(known))]


def _stopped_queues(facts: ApplicationFacts) -> list[Reason]:
    return [
        QueueNotRunning(queue.queue_path, queue.state)
        for queue in facts.queues
        if queue.state is not None and not takes_applications(queue)
    ]


# --- running


def _running(facts: ApplicationFacts) -> list[Reason]:
    if facts.instances is None or facts.spec is None:
        hidden = [OwnerOnly()] if facts.master_asked else []
        return [*limits_reached(facts), *hidden]
    reasons: list[Reason] = []
    for name, service in facts.spec.services.items():
        own = _instances(name, facts)
        if waiting := _of(own, ContainerState.WAITING):
            missing = tuple(_missing(service.depends, facts))
            reasons.append(WaitsForServices(name, len(waiting), missing))
        if requested := _of(own, ContainerState.REQUESTED):
            reasons += why_pending(_request(name, len(requested), service, facts), facts)
        if starting := [each for each in own if each.id in facts.starting]:
            reasons.append(ContainersStarting(name, len(starting)))
        if failed := _of(own, ContainerState.FAILED):
            last = max(failed, key=lambda each: each.finish_time or 0.0)
            # An earlier version's ApplicationMaster has only words for it.
            outcome = last.outcome or Outcome(cause=Cause.UNKNOWN, raw=last.exit_message)
            reasons.append(ContainersFailed(name, len(failed), last.id, outcome))
    return reasons


def _counts(facts: ApplicationFacts) -> tuple[int, int | None]:
    """The number of running containers, and of pending ones if known."""
    if facts.instances is None or facts.spec is None:
        return len(facts.containers), None
    states = [each.state for each in facts.instances if not each.state.ended]
    running = states.count(ContainerState.RUNNING)
    return running, len(states) - running


def _instances(service: str, facts: ApplicationFacts) -> list[ServiceContainer]:
    return [each for each in facts.instances or () if each.service_name == service]


def _of(containers: list[ServiceContainer], state: ContainerState) -> list[ServiceContainer]:
    return [each for each in containers if each.state is state]


def _missing(depends: Iterable[str], facts: ApplicationFacts) -> Iterable[MissingService]:
    for other in sorted(depends):
        states = [each.state for each in _instances(other, facts)]
        not_started = sum(state in _NOT_STARTED for state in states)
        if not_started or not states:
            yield MissingService(other, len(states), not_started)


def _request(name: str, count: int, service: Service, facts: ApplicationFacts) -> PendingRequest:
    resources = service.resources
    spec = facts.spec
    return PendingRequest(
        name,
        count,
        {MEMORY: resources.memory, VCORES: resources.vcores, **resources.resource_types},
        service.node_label or (spec.node_label if spec else ""),
        () if service.relax_locality else tuple(service.nodes),
        () if service.relax_locality else tuple(service.racks),
    )


def _places(facts: ApplicationFacts) -> tuple[ContainerLocation, ...]:
    names = {each.yarn_container_id: each.id for each in facts.instances or ()}
    names |= {
        str(each.am_container_id): "master" for each in facts.attempts if each.am_container_id
    }
    return tuple(
        ContainerLocation(
            container=names.get(str(each.container_id), ""),
            yarn_container_id=str(each.container_id),
            node=str(each.node_id or ""),
            resources=each.resource.amounts() if each.resource else {},
        )
        for each in sorted(facts.containers, key=lambda each: each.container_id.id)
    )

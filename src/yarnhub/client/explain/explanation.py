"""Why an application is as it is, in plain words: what was gathered goes in, sentences come out.

No I/O and no clock: `yarnhub.client.explain.lookup` gathers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.client.explain.amounts import amounts_in, counted, in_words
from yarnhub.client.explain.limits import limits_reached
from yarnhub.client.explain.pending import Ask, obstacles
from yarnhub.control import diagnostics
from yarnhub.control.messages import ContainerState
from yarnhub.yarn.records.applications import YarnApplicationAttemptState, YarnApplicationState
from yarnhub.yarn.records.cluster import QueueState
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.explain.facts import Evidence
    from yarnhub.control.messages import Container
    from yarnhub.spec import Service
    from yarnhub.yarn.records.applications import ApplicationReport

_ACTIVATED = "Application is Activated"
"""What YARN says of all that wait for their first container and are under the limits
(AMState.ACTIVATED)."""
_NO_LABEL = "<DEFAULT_PARTITION>"
"""How YARN reports that no label was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a container is.

    Attributes:
        container: Such as `worker_3`, or `master`; empty where it is not known.
        yarn_container_id: YARN's.
        node: Host and port of its NodeManager.
        resources: What it holds, by YARN's names; memory in MiB.
    """

    container: str
    yarn_container_id: str
    node: str
    resources: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an application is as it is.

    Attributes:
        id: The application's.
        state: YARN's word for it.
        summary: One sentence.
        reasons: More, each a sentence or two, the weightiest first.
        places: What runs where.
        starting: Containers whose nodes still fetch their files.
    """

    id: str
    state: str
    summary: str
    reasons: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    starting: tuple[str, ...] = ()


def explain(evidence: Evidence) -> Explanation:
    """Say why an application waits, what it does or how it ended."""
    state = evidence.report.yarn_application_state
    if state.ended:
        summary, reasons = _ended(evidence)
    elif state is YarnApplicationState.RUNNING:
        summary, reasons = _running(evidence)
    else:
        summary, reasons = _pending(evidence)
    return Explanation(
        id=str(evidence.report.application_id),
        state=state.name,
        summary=summary,
        reasons=tuple(dict.fromkeys(reasons)),
        places=_places(evidence),
        starting=tuple(sorted(evidence.starting)),
    )


# --- ended


def _ended(evidence: Evidence) -> tuple[str, list[str]]:
    report = evidence.report
    state, status = report.yarn_application_state.name, report.final_application_status.name
    how = state if state == status else f"{state}, {status}"
    said = diagnostics.explain(report.diagnostics)
    reasons = []
    for attempt in evidence.attempts:
        failed = attempt.yarn_application_attempt_state is YarnApplicationAttemptState.FAILED
        if failed and (why := diagnostics.explain(attempt.diagnostics)) and why != said:
            number = attempt.application_attempt_id.attempt_id
            reasons.append(f"Run {number} of its ApplicationMaster failed: {why}")
    if report.app_resource_usage.preempted_memory_seconds > 0:
        reasons.append("YARN took containers of it back for other queues (preemption).")
    if status != "SUCCEEDED":
        reasons.append(f"Its logs may say more: skein application logs {report.application_id}")
    return f"It has ended ({how}){': ' + said if said else '.'}", reasons


# --- not running yet


def _pending(evidence: Evidence) -> tuple[str, list[str]]:
    report = evidence.report
    if report.yarn_application_state is not YarnApplicationState.ACCEPTED:
        return "The ResourceManager is taking it in.", _queue_state(evidence)
    attempt = evidence.attempts[-1] if evidence.attempts else None
    given = attempt is not None and attempt.yarn_application_attempt_state in (
        YarnApplicationAttemptState.ALLOCATED,
        YarnApplicationAttemptState.ALLOCATED_SAVING,
        YarnApplicationAttemptState.LAUNCHED,
    )
    if report.unmanaged_application and given:
        return "Its ApplicationMaster, which runs outside of YARN, has not registered yet.", []
    if given:
        starts = "Its ApplicationMaster has a container and is starting: its node fetches files, "
        return f"{starts}then it registers.", []
    # Hadoop does not always say it; of an application that has nothing yet it is all that it needs.
    needed = report.app_resource_usage.needed_resources
    asked = amounts_in(report.diagnostics, "AM Resource Request") or (
        needed.amounts() if needed.memory else {}
    )
    ask = Ask("It", asked, _label(report))
    limit = _master_limit(report, asked)
    known = limit or _said(report)
    reasons = [*_queue_state(evidence), *known, *obstacles(ask, evidence, sure=bool(known))]
    return "It waits for a container for its ApplicationMaster.", reasons


def _label(report: ApplicationReport) -> str:
    label = report.am_node_label_expression or ""
    return "" if label == _NO_LABEL else label


def _master_limit(report: ApplicationReport, asked: Mapping[str, int]) -> list[str]:
    said = report.diagnostics
    if "AM resource limit exceeded" not in said:
        return []
    of_user = "User's AM resource limit" in said
    what = "User AM Resource Limit of the queue" if of_user else "Queue Resource Limit for AM"
    limit, used = amounts_in(said, what), amounts_in(said, "Queue AM Resource Usage")
    whose = f"of {report.user} in" if of_user else "of"
    reason = (
        f"All ApplicationMasters {whose} queue {report.queue} together may hold {in_words(limit)}; "
        f"those of the queue hold {in_words(used)}, and this one asks for {in_words(asked)}. It "
        "starts when another application of the queue ends; or use another queue, or less in "
        "`master.resources`, or have yarn.scheduler.capacity.maximum-am-resource-percent raised."
    )
    return [reason]


def _said(report: ApplicationReport) -> list[str]:
    """What YARN says of an application that waits, where that is more than that it waits."""
    said = diagnostics.explain(report.diagnostics.partition(" Details :")[0])
    return [f"YARN says: {said}"] if said and _ACTIVATED not in said else []


def _queue_state(evidence: Evidence) -> list[str]:
    return [
        f"Queue {queue.queue_path or queue.queue_name} is {queue.state.name}."
        for queue in evidence.queues
        if queue.state not in (None, QueueState.RUNNING)
    ]


# --- running


def why_nothing_is_given(evidence: Evidence) -> str:
    """Why the services of an application that runs get no container; empty if nothing shows it."""
    for name, service in evidence.spec.services.items() if evidence.spec else ():
        own = [each for each in evidence.instances or () if each.service_name == name]
        if requested := _of(own, ContainerState.REQUESTED):
            ask = _ask(name, len(requested), service, evidence)
            for reason in obstacles(ask, evidence, sure=True):
                return reason
    return ""


def _running(evidence: Evidence) -> tuple[str, list[str]]:
    if evidence.instances is None or evidence.spec is None:
        running = len(evidence.containers)
        unknown = "Its ApplicationMaster tells only its owner what it waits for."
        reasons = [*limits_reached(evidence), unknown]
        return f"It runs, with {counted(running, 'container')}.", reasons
    reasons = []
    for name, service in evidence.spec.services.items():
        own = [each for each in evidence.instances if each.service_name == name]
        if waiting := _of(own, ContainerState.WAITING):
            reasons.append(_dependencies(name, len(waiting), service, evidence))
        if requested := _of(own, ContainerState.REQUESTED):
            reasons += obstacles(_ask(name, len(requested), service, evidence), evidence)
        if starting := [each for each in own if each.id in evidence.starting]:
            verb = "is" if len(starting) == 1 else "are"
            reasons.append(
                f"{counted(len(starting), 'container')} of {name} {verb} starting: the node "
                "fetches files first."
            )
        if failed := _of(own, ContainerState.FAILED):
            last = max(failed, key=lambda each: each.finish_time or 0.0)
            reasons.append(
                f"{counted(len(failed), 'container')} of {name} failed; the last, {last.id}: "
                f"{last.exit_message}"
            )
    states = [each.state for each in evidence.instances if not each.state.ended]
    running = states.count(ContainerState.RUNNING)
    waits = len(states) - running
    more = f" and waits for {waits} more" if waits else ""
    return f"It runs, with {counted(running, 'container')} of its services{more}.", reasons


def _of(containers: list[Container], state: ContainerState) -> list[Container]:
    return [each for each in containers if each.state is state]


def _dependencies(name: str, count: int, service: Service, evidence: Evidence) -> str:
    instances = evidence.instances or ()
    missing = []
    for other in sorted(service.depends):
        states = [each.state.name for each in instances if each.service_name == other]
        not_begun = [each for each in states if each in ("WAITING", "REQUESTED")]
        if not_begun or not states:
            how = f"{len(not_begun)} of {len(states)} not started" if states else "no instance"
            missing.append(f"{other} ({how})")
    verb = "waits" if count == 1 else "wait"
    return (
        f"{counted(count, 'container')} of {name} {verb} for {', '.join(missing) or 'a service'}."
    )


def _ask(name: str, count: int, service: Service, evidence: Evidence) -> Ask:
    resources = service.resources
    spec = evidence.spec
    return Ask(
        f"Each of {count} containers of {name}" if count > 1 else f"A container of {name}",
        {MEMORY: resources.memory, VCORES: resources.vcores, **resources.resource_types},
        service.node_label or (spec.node_label if spec else ""),
        () if service.relax_locality else tuple(service.nodes),
        () if service.relax_locality else tuple(service.racks),
    )


def _places(evidence: Evidence) -> tuple[Place, ...]:
    names = {each.yarn_container_id: each.id for each in evidence.instances or ()}
    names |= {
        str(each.am_container_id): "master" for each in evidence.attempts if each.am_container_id
    }
    return tuple(
        Place(
            container=names.get(str(each.container_id), ""),
            yarn_container_id=str(each.container_id),
            node=str(each.node_id or ""),
            resources=each.resource.amounts() if each.resource else {},
        )
        for each in sorted(evidence.containers, key=lambda each: each.container_id.id)
    )

"""What is known goes in, reasons come out as data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.explain.applications import ENDED, PENDING, RUNNING, attempt, instance, spec
from client.explain.reports import MASTER, report
from yarnhub.client.explain.explanation import Phase, explain
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.client.explain.reasons import (
    ApplicationUsage,
    ContainersFailed,
    ContainersPreempted,
    ContainersStarting,
    Diagnostics,
    LabelNotAccessible,
    LargerThanAnyNode,
    MasterFailed,
    MasterLimit,
    MissingService,
    NoMatchingNode,
    NoNode,
    NoRoomOnNodes,
    NothingInTheWay,
    OwnerOnly,
    PendingRequest,
    PossibleMasterLimit,
    QueueFull,
    QueueNotRunning,
    Reason,
    UnavailableNode,
    WaitsForServices,
)
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.cluster import NodeState, QueueState
from yarnhub.yarn.records.containers import ContainerReport
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import MEMORY, VCORES, Resource


def amounts(memory: int, vcores: int, **others: int) -> dict[str, int]:
    return {MEMORY: memory, VCORES: vcores, **others}


HALF = amounts(512, 1)
MASTERS = PendingRequest("", 1, HALF)
OF_A = PendingRequest("a", 1, amounts(1024, 1))
ACTIVATED = (
    "[Wed Nov 25 10:15:09 +0000 2026] Application is Activated, waiting for resources to be "
    "assigned for AM."
)
LARGE = {**amounts(9000, 9), "yarn.io/gpu": 1}

REASONS: dict[str, tuple[Phase, list[Reason]]] = {
    "being saved": (Phase.SUBMITTED, [QueueNotRunning("root.default", QueueState.DRAINING)]),
    "limit of the queue": (
        Phase.MASTER_PENDING,
        [MasterLimit("default", "", amounts(1024, 2), amounts(1024, 2), HALF)],
    ),
    "limit of the user": (
        Phase.MASTER_PENDING,
        [MasterLimit("default", "alice", amounts(768, 1), amounts(1024, 2), HALF)],
    ),
    "no node": (
        Phase.MASTER_PENDING,
        [
            NoNode(
                MASTERS,
                (
                    UnavailableNode("w1:1", NodeState.UNHEALTHY, "1/1 local-dirs\nare bad"),
                    UnavailableNode("w2:1", NodeState.LOST, ""),
                ),
            )
        ],
    ),
    "no node, and so no room in any queue": (
        Phase.MASTER_PENDING,
        [NoNode(MASTERS, (UnavailableNode("w1:1", NodeState.UNHEALTHY, ""),))],
    ),
    "no room": (
        Phase.MASTER_PENDING,
        [NoRoomOnNodes(MASTERS, (), "w2:1", amounts(292, 7))],
    ),
    "labelled nodes are for others": (
        Phase.MASTER_PENDING,
        [NoMatchingNode(MASTERS, (), ("gpu",))],
    ),
    "a label that no node has": (
        Phase.MASTER_PENDING,
        [NoMatchingNode(replace(MASTERS, label="gpu"), (), ())],
    ),
    "a label that the queue may not use": (
        Phase.MASTER_PENDING,
        [LabelNotAccessible(replace(MASTERS, label="gpu"))],
    ),
    "full queue": (
        Phase.MASTER_PENDING,
        [
            QueueFull(
                MASTERS,
                "root.default",
                amounts(4000, 1),
                amounts(4096, 4),
                (
                    ApplicationUsage("application_1_0009", "bob", 3000),
                    ApplicationUsage("application_1_0008", "eve", 1000),
                ),
            )
        ],
    ),
    "nothing in the way": (
        Phase.MASTER_PENDING,
        [NothingInTheWay(MASTERS, "alice", "default", 200), Diagnostics(ACTIVATED)],
    ),
    "what it asks for is in the report alone": (
        Phase.MASTER_PENDING,
        [NoRoomOnNodes(PendingRequest("", 1, amounts(700, 2)), (), "w1:1", amounts(192, 7))],
    ),
    "starting": (Phase.MASTER_STARTING, []),
    "unmanaged": (Phase.MASTER_UNREGISTERED, []),
    "somebody else's": (Phase.RUNNING, [OwnerOnly()]),
    "all is well": (Phase.RUNNING, []),
    "fetching files": (Phase.RUNNING, [ContainersStarting("a", 1)]),
    "more than any node has, and who waits for it": (
        Phase.RUNNING,
        [
            LargerThanAnyNode(
                PendingRequest("a", 2, LARGE),
                (UnavailableNode("w2:1", NodeState.LOST, ""),),
                LARGE,
                {**amounts(8192, 8), "yarn.io/gpu": 0},
            ),
            WaitsForServices("b", 1, (MissingService("a", 2, 2),)),
        ],
    ),
    "hosts that do not run": (
        Phase.RUNNING,
        [NoMatchingNode(replace(OF_A, label="gpu", hosts=("w7",), racks=("/r7",)), (), ("gpu",))],
    ),
    "hosts that are only wished for": (
        Phase.RUNNING,
        [NoRoomOnNodes(OF_A, (), "w1:1", amounts(192, 7))],
    ),
    "labelled nodes that take what has none": (
        Phase.RUNNING,
        [NothingInTheWay(OF_A, "alice", "default", 0), PossibleMasterLimit()],
    ),
    "failures": (
        Phase.RUNNING,
        [
            ContainersFailed(
                "a",
                2,
                "a_1",
                Outcome(cause=Cause.UNKNOWN, raw="Exit code -104: it used more memory."),
            ),
            WaitsForServices("b", 1, ()),
        ],
    ),
    "well": (Phase.ENDED, []),
    "killed": (Phase.ENDED, [ContainersPreempted()]),
    "its ApplicationMaster failed": (
        Phase.ENDED,
        [
            MasterFailed(
                1,
                Outcome(
                    cause=Cause.MEMORY,
                    subject=Subject.MASTER,
                    exit_code=-104,
                    raw="AM Container for appattempt_1 exited with  exitCode: -104",
                ),
            )
        ],
    ),
}


@pytest.mark.parametrize("case", REASONS)
def test_why_it_is_as_it_is(case: str) -> None:
    facts = {**PENDING, **RUNNING, **ENDED}[case]
    found = explain(facts)
    assert (found.id, found.state) == ("application_1_0007", facts.report.yarn_application_state)
    assert (found.phase, list(found.reasons)) == REASONS[case]


def test_the_same_reason_is_given_once() -> None:
    facts = RUNNING["labelled nodes that take what has none"]
    both = (instance("a", 0, "REQUESTED"), instance("b", 0, "REQUESTED"))
    reasons = explain(replace(facts, instances=both)).reasons
    assert [type(each) for each in reasons].count(PossibleMasterLimit) == 1


def test_how_many_run_and_are_waited_for() -> None:
    found = explain(RUNNING["failures"])
    assert (found.running, found.pending) == (1, 1)
    unknown = explain(RUNNING["somebody else's"])
    assert (unknown.running, unknown.pending) == (0, None)


def test_how_a_container_ended() -> None:
    outcome = Outcome.of_code(-104, "[2026] Container is running beyond physical memory limits")
    facts = RUNNING["failures"]
    failed = replace(instance("a", 0, "FAILED", "what it says"), outcome=outcome)
    assert explain(replace(facts, instances=(failed,))).reasons == (
        ContainersFailed("a", 1, "a_0", outcome),
    )


def test_how_it_ended() -> None:
    found = explain(ENDED["killed"])
    assert found.final_status is FinalApplicationStatus.KILLED
    assert found.outcome is not None
    assert found.outcome.raw == "Application application_1_0007 was killed by user bob at 127.0.0.1"
    assert explain(PENDING["no node"]).outcome is None


def test_what_failed_is_not_told_twice() -> None:
    said = "AM Container for appattempt_1 exited with  exitCode: -104\n"
    once = ApplicationFacts(
        report=report("FAILED", diagnostics=said), attempts=(attempt("FAILED", said),)
    )
    assert explain(once).reasons == ()


def test_what_runs_where() -> None:
    second = replace(MASTER, id=2)
    facts = ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(),
        attempts=(attempt("RUNNING"),),
        containers=tuple(
            ContainerReport(
                container_id=each,
                node_id=NodeId(host="w1", port=1),
                resource=Resource(memory=512, virtual_cores=1),
            )
            for each in (second, MASTER)
        ),
        instances=(instance("a", 0, "RUNNING", container_id=str(second)),),
    )
    places = explain(facts).places
    assert [(each.container, each.node) for each in places] == [("master", "w1:1"), ("a_0", "w1:1")]
    assert places[0].resources == {"memory-mb": 512, "vcores": 1}

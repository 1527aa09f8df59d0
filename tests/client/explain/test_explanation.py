"""Records in, sentences out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.explain.reports import ATTEMPT, MASTER, holding, node, queue, report
from yarnhub.client.explain.explanation import explain
from yarnhub.client.explain.facts import Evidence
from yarnhub.control.messages import Container, ContainerState
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.applications import (
    ApplicationAttemptReport,
    ApplicationResourceUsageReport,
    FinalApplicationStatus,
    YarnApplicationAttemptState,
)
from yarnhub.yarn.records.cluster import (
    NodeState,
    QueueState,
)
from yarnhub.yarn.records.containers import ContainerReport
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import Resource

# As Hadoop 3.4.2 writes it.
AM_LIMIT = (
    "[Wed Nov 25 10:15:09 +0000 2026] Application is added to the scheduler and is not yet "
    "activated. {} Details : AM Partition = <DEFAULT_PARTITION>; AM Resource Request = "
    "<memory:512, vCores:1>; Queue Resource Limit for AM = <memory:1024, vCores:2>; User AM "
    "Resource Limit of the queue = <memory:768, vCores:1>; Queue AM Resource Usage = "
    "<memory:1024, vCores:2>; "
)


def attempt(state: str, diagnostics: str = "") -> ApplicationAttemptReport:
    return ApplicationAttemptReport(
        application_attempt_id=ATTEMPT,
        yarn_application_attempt_state=YarnApplicationAttemptState[state],
        diagnostics=diagnostics,
        am_container_id=MASTER,
    )


PENDING = {
    "being saved": (
        Evidence(report=report("SUBMITTED"), queues=(queue(state=QueueState.DRAINING),)),
        "The ResourceManager is taking it in.",
        ["Queue root.default is DRAINING."],
    ),
    "limit of the queue": (
        Evidence(
            report=report(diagnostics=AM_LIMIT.format("Queue's AM resource limit exceeded. ")),
            nodes=(node(),),
            queues=(queue(),),
        ),
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "All ApplicationMasters of queue default together may hold 1024 MiB and 2 vcores; "
                "those of the queue hold 1024 MiB and 2 vcores, and this one asks for 512 MiB "
                "and 1 "
                "vcore. It starts when another application of the queue ends; or use another "
                "queue, "
                "or less in `master.resources`, or have "
                "yarn.scheduler.capacity.maximum-am-resource-percent raised."
            )
        ],
    ),
    "limit of the user": (
        Evidence(
            report=report(diagnostics=AM_LIMIT.format("User's AM resource limit exceeded. ")),
            nodes=(node(),),
        ),
        "It waits for a container for its ApplicationMaster.",
        ["All ApplicationMasters of alice in queue default together may hold 768 MiB and 1 vcore;"],
    ),
    "no node": (
        Evidence(
            report=report(),
            nodes=(
                node(node_state=NodeState.UNHEALTHY, health_report="1/1 local-dirs\nare bad"),
                node("w2", node_state=NodeState.LOST),
            ),
        ),
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It waits for a node: none runs (w1:1 is UNHEALTHY: 1/1 local-dirs are bad, w2:1 "
                "is "
                "LOST)."
            )
        ],
    ),
    "no node, and so no room in any queue": (
        Evidence(
            report=report(),
            nodes=(node(node_state=NodeState.UNHEALTHY),),
            queues=(queue(queue_path="root"), queue()),
        ),
        "It waits for a container for its ApplicationMaster.",
        ["It waits for a node: none runs (w1:1 is UNHEALTHY)."],
    ),
    "no room": (
        Evidence(
            report=report(), nodes=(node(used=8000), node("w2", used=7900)), queues=(queue(),)
        ),
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It asks for 512 MiB and 1 vcore on one node, and none has room now: most memory "
                "is "
                "free on w2:1, 292 MiB and 7 vcores."
            )
        ],
    ),
    "labelled nodes are for others": (
        Evidence(report=report(), nodes=(node(labels=("gpu",)),)),
        "It waits for a container for its ApplicationMaster.",
        ["It waits for a node without a label: none runs. Nodes have the labels gpu."],
    ),
    "a label that no node has": (
        Evidence(report=report(am_node_label_expression="gpu"), nodes=(node(),)),
        "It waits for a container for its ApplicationMaster.",
        ["It waits for a node with the label 'gpu': none runs. No node has any label."],
    ),
    "a label that the queue may not use": (
        Evidence(
            report=report(am_node_label_expression="gpu"),
            nodes=(node(labels=("gpu",)),),
            queues=(queue(accessible_node_labels=("fpga",)),),
        ),
        "It waits for a container for its ApplicationMaster.",
        ["It asks for the label 'gpu', which its queue may not use."],
    ),
    "full queue": (
        Evidence(
            report=report(),
            nodes=(node(used=4000),),
            queues=(queue(4000, queue_path="root"), queue(4000, most=0.5)),
            neighbours=(holding("bob", 3000), holding("eve", 1000, 8), holding("alice", 0, 7)),
        ),
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It asks for 512 MiB and 1 vcore, and queue root.default is full: it holds 4000 "
                "MiB "
                "and 1 vcore of 4096 MiB and 4 vcores, most of it application_1_0009 of bob (3000 "
                "MiB), application_1_0008 of eve (1000 MiB). It goes on when some of that ends; or "
                "use another queue."
            )
        ],
    ),
    "nothing in the way": (
        Evidence(
            report=report(),
            nodes=(node(),),
            queues=(queue(),),
            neighbours=(holding("bob", 300), holding("alice", 200, 8)),
        ),
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It asks for 512 MiB and 1 vcore, and there is room: YARN grants it within "
                "seconds. "
                "If it does not, alice has reached a user's limit in queue default (holding 200 "
                "MiB "
                "there now; user-limit-factor, minimum-user-limit-percent), or others come first."
            ),
            "YARN says: [Wed Nov 25 10:15:09 +0000 2026] Application is Activated",
        ],
    ),
    "what it asks for is in the report alone": (
        Evidence(
            report=report(
                diagnostics="",
                app_resource_usage=ApplicationResourceUsageReport(
                    needed_resources=Resource(memory=700, virtual_cores=2)
                ),
            ),
            nodes=(node(used=8000),),
        ),
        "It waits for a container for its ApplicationMaster.",
        ["It asks for 700 MiB and 2 vcores on one node, and none has room now: "],
    ),
    "starting": (
        Evidence(report=report(), attempts=(attempt("LAUNCHED"),)),
        (
            "Its ApplicationMaster has a container and is starting: its node fetches files, then "
            "it "
            "registers."
        ),
        [],
    ),
    "unmanaged": (
        Evidence(report=report(unmanaged_application=True), attempts=(attempt("LAUNCHED"),)),
        "Its ApplicationMaster, which runs outside of YARN, has not registered yet.",
        [],
    ),
}


@pytest.mark.parametrize(("evidence", "summary", "reasons"), PENDING.values(), ids=PENDING)
def test_why_it_does_not_run_yet(evidence: Evidence, summary: str, reasons: list[str]) -> None:
    check(evidence, summary, reasons)


def check(evidence: Evidence, summary: str, reasons: list[str]) -> None:
    found = explain(evidence)
    assert (found.id, found.state) == (
        "application_1_0007",
        evidence.report.yarn_application_state.name,
    )
    assert found.summary == summary
    assert len(found.reasons) == len(reasons)
    for reason, begin in zip(found.reasons, reasons, strict=True):
        assert reason.startswith(begin)


def spec(**service: object) -> ApplicationSpec:
    resources = {"memory": 1024, "vcores": 1}
    return ApplicationSpec.from_dict(
        {
            "services": {
                "a": {"resources": resources, "script": "x", **service},
                "b": {"resources": resources, "script": "x", "depends": ["a"]},
            }
        }
    )


def instance(
    name: str, number: int, state: str, message: str = "", container_id: str = ""
) -> Container:
    return Container(
        service_name=name,
        instance=number,
        state=ContainerState[state],
        exit_message=message,
        finish_time=float(number),
        yarn_container_id=container_id,
    )


RUNNING = {
    "somebody else's": (
        Evidence(report=report("RUNNING")),
        "It runs, with 0 containers.",
        ["Its ApplicationMaster tells only its owner what it waits for."],
    ),
    "all is well": (
        Evidence(
            report=report("RUNNING"),
            spec=spec(),
            instances=(instance("a", 0, "RUNNING"), instance("b", 0, "SUCCEEDED")),
        ),
        "It runs, with 1 container of its services.",
        [],
    ),
    "fetching files": (
        Evidence(
            report=report("RUNNING"),
            spec=spec(),
            instances=(instance("a", 0, "RUNNING"), instance("a", 1, "RUNNING")),
            starting=frozenset({"a_1"}),
        ),
        "It runs, with 2 containers of its services.",
        ["1 container of a is starting: the node fetches files first."],
    ),
    "more than any node has, and who waits for it": (
        Evidence(
            report=report("RUNNING"),
            spec=spec(resources={"memory": 9000, "vcores": 9, "yarn.io/gpu": 1}),
            nodes=(node(), node("w2", node_state=NodeState.LOST)),
            instances=(
                instance("a", 0, "REQUESTED"),
                instance("a", 1, "REQUESTED"),
                instance("b", 0, "WAITING"),
            ),
        ),
        "It runs, with 0 containers of its services and waits for 3 more.",
        [
            (
                "Each of 2 containers of a asks for 9000 MiB, 9 vcores and 1 yarn.io/gpu, and no "
                "node "
                "has more than 8192 MiB and 8 vcores (w2:1 is LOST): that can never be granted."
            ),
            "1 container of b waits for a (2 of 2 not started).",
        ],
    ),
    "hosts that do not run": (
        Evidence(
            report=report("RUNNING"),
            spec=spec(nodes=["w7"], racks=["/r7"], node_label="gpu"),
            nodes=(node(labels=("gpu",)),),
            instances=(instance("a", 0, "REQUESTED"),),
        ),
        "It runs, with 0 containers of its services and waits for 1 more.",
        [
            (
                "A container of a waits for a node with the label 'gpu' among w7, rack /r7: none "
                "runs. "
                "Nodes have the labels gpu."
            )
        ],
    ),
    "hosts that are only wished for": (
        Evidence(
            report=report("RUNNING"),
            spec=spec(nodes=["w7"], relax_locality=True),
            nodes=(node(used=8000),),
            instances=(instance("a", 0, "REQUESTED"),),
        ),
        "It runs, with 0 containers of its services and waits for 1 more.",
        ["A container of a asks for 1024 MiB and 1 vcore on one node, and none has room now: "],
    ),
    "labelled nodes that take what has none": (
        Evidence(
            report=report("RUNNING", unmanaged_application=True),
            spec=spec(),
            nodes=(node(labels=("gpu",)),),
            shared_labels=frozenset({"gpu"}),
            instances=(instance("a", 0, "REQUESTED"),),
        ),
        "It runs, with 0 containers of its services and waits for 1 more.",
        [
            "A container of a asks for 1024 MiB and 1 vcore, and there is room: ",
            "Its ApplicationMaster runs outside of YARN and counts against the queue's limit",
        ],
    ),
    "failures": (
        Evidence(
            report=report("RUNNING"),
            spec=spec(),
            instances=(
                instance("a", 0, "FAILED", "Exit code 1: x."),
                instance("a", 1, "FAILED", "Exit code -104: it used more memory."),
                instance("a", 2, "RUNNING"),
                instance("b", 0, "WAITING"),
            ),
        ),
        "It runs, with 1 container of its services and waits for 1 more.",
        [
            "2 containers of a failed; the last, a_1: Exit code -104: it used more memory.",
            "1 container of b waits for a service.",
        ],
    ),
}


@pytest.mark.parametrize(("evidence", "summary", "reasons"), RUNNING.values(), ids=RUNNING)
def test_what_a_running_one_waits_for(evidence: Evidence, summary: str, reasons: list[str]) -> None:
    check(evidence, summary, reasons)


LOGS = "Its logs may say more: skein application logs application_1_0007"
ENDED = {
    "well": (
        Evidence(
            report=report(
                "FINISHED",
                final_application_status=FinalApplicationStatus.SUCCEEDED,
                diagnostics="All services have completed successfully.",
            )
        ),
        "It has ended (FINISHED, SUCCEEDED): All services have completed successfully.",
        [],
    ),
    "killed": (
        Evidence(
            report=report(
                "KILLED",
                final_application_status=FinalApplicationStatus.KILLED,
                diagnostics="Application application_1_0007 was killed by user bob at 127.0.0.1",
                app_resource_usage=ApplicationResourceUsageReport(preempted_memory_seconds=5),
            )
        ),
        "It has ended (KILLED): Application application_1_0007 was killed by user bob at 127.0.0.1",
        ["YARN took containers of it back for other queues (preemption).", LOGS],
    ),
    "its ApplicationMaster failed": (
        Evidence(
            report=report(
                "FAILED",
                final_application_status=FinalApplicationStatus.FAILED,
                diagnostics="Application failed 2 times",
            ),
            attempts=(
                attempt("FAILED", "AM Container for appattempt_1 exited with  exitCode: -104\n"),
            ),
        ),
        "It has ended (FAILED): Application failed 2 times",
        [
            (
                "Run 1 of its ApplicationMaster failed: its ApplicationMaster ended, exit code "
                "-104: "
                "it used more memory than it asked for"
            ),
            LOGS,
        ],
    ),
}


@pytest.mark.parametrize(("evidence", "summary", "reasons"), ENDED.values(), ids=ENDED)
def test_how_it_ended(evidence: Evidence, summary: str, reasons: list[str]) -> None:
    check(evidence, summary, reasons)


def test_what_runs_where() -> None:
    second = replace(MASTER, id=2)
    evidence = Evidence(
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
    places = explain(evidence).places
    assert [(each.container, each.node) for each in places] == [("master", "w1:1"), ("a_0", "w1:1")]
    assert places[0].resources == {"memory-mb": 512, "vcores": 1}

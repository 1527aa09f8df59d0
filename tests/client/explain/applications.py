"""What is known of applications that wait, run or have ended, for tests."""

from __future__ import annotations

from client.explain.reports import ATTEMPT, MASTER, holding, node, queue, report
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.control.messages import ContainerState, ServiceContainer
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
    "being saved": ApplicationFacts(
        report=report("SUBMITTED"), queues=(queue(state=QueueState.DRAINING),)
    ),
    "limit of the queue": ApplicationFacts(
        report=report(diagnostics=AM_LIMIT.format("Queue's AM resource limit exceeded. ")),
        nodes=(node(),),
        queues=(queue(),),
    ),
    "limit of the user": ApplicationFacts(
        report=report(diagnostics=AM_LIMIT.format("User's AM resource limit exceeded. ")),
        nodes=(node(),),
    ),
    "no node": ApplicationFacts(
        report=report(),
        nodes=(
            node(node_state=NodeState.UNHEALTHY, health_report="1/1 local-dirs\nare bad"),
            node("w2", node_state=NodeState.LOST),
        ),
    ),
    "no node, and so no room in any queue": ApplicationFacts(
        report=report(),
        nodes=(node(node_state=NodeState.UNHEALTHY),),
        queues=(queue(queue_path="root"), queue()),
    ),
    "no room": ApplicationFacts(
        report=report(), nodes=(node(used=8000), node("w2", used=7900)), queues=(queue(),)
    ),
    "labelled nodes are for others": ApplicationFacts(
        report=report(), nodes=(node(labels=("gpu",)),)
    ),
    "a label that no node has": ApplicationFacts(
        report=report(am_node_label_expression="gpu"), nodes=(node(),)
    ),
    "a label that the queue may not use": ApplicationFacts(
        report=report(am_node_label_expression="gpu"),
        nodes=(node(labels=("gpu",)),),
        queues=(queue(accessible_node_labels=("fpga",)),),
    ),
    "full queue": ApplicationFacts(
        report=report(),
        nodes=(node(used=4000),),
        queues=(queue(4000, queue_path="root"), queue(4000, most=0.5)),
        neighbours=(holding("bob", 3000), holding("eve", 1000, 8), holding("alice", 0, 7)),
    ),
    "nothing in the way": ApplicationFacts(
        report=report(),
        nodes=(node(),),
        queues=(queue(),),
        neighbours=(holding("bob", 300), holding("alice", 200, 8)),
    ),
    "what it asks for is in the report alone": ApplicationFacts(
        report=report(
            diagnostics="",
            app_resource_usage=ApplicationResourceUsageReport(
                needed_resources=Resource(memory=700, virtual_cores=2)
            ),
        ),
        nodes=(node(used=8000),),
    ),
    "starting": ApplicationFacts(report=report(), attempts=(attempt("LAUNCHED"),)),
    "unmanaged": ApplicationFacts(
        report=report(unmanaged_application=True), attempts=(attempt("LAUNCHED"),)
    ),
}


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
) -> ServiceContainer:
    return ServiceContainer(
        service_name=name,
        instance=number,
        state=ContainerState[state],
        exit_message=message,
        finish_time=float(number),
        yarn_container_id=container_id,
    )


RUNNING = {
    "somebody else's": ApplicationFacts(report=report("RUNNING")),
    "all is well": ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(),
        instances=(instance("a", 0, "RUNNING"), instance("b", 0, "SUCCEEDED")),
    ),
    "fetching files": ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(),
        instances=(instance("a", 0, "RUNNING"), instance("a", 1, "RUNNING")),
        starting=frozenset({"a_1"}),
    ),
    "more than any node has, and who waits for it": ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(resources={"memory": 9000, "vcores": 9, "yarn.io/gpu": 1}),
        nodes=(node(), node("w2", node_state=NodeState.LOST)),
        instances=(
            instance("a", 0, "REQUESTED"),
            instance("a", 1, "REQUESTED"),
            instance("b", 0, "WAITING"),
        ),
    ),
    "hosts that do not run": ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(nodes=["w7"], racks=["/r7"], node_label="gpu"),
        nodes=(node(labels=("gpu",)),),
        instances=(instance("a", 0, "REQUESTED"),),
    ),
    "hosts that are only wished for": ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(nodes=["w7"], relax_locality=True),
        nodes=(node(used=8000),),
        instances=(instance("a", 0, "REQUESTED"),),
    ),
    "labelled nodes that take what has none": ApplicationFacts(
        report=report("RUNNING", unmanaged_application=True),
        spec=spec(),
        nodes=(node(labels=("gpu",)),),
        shared_labels=frozenset({"gpu"}),
        instances=(instance("a", 0, "REQUESTED"),),
    ),
    "failures": ApplicationFacts(
        report=report("RUNNING"),
        spec=spec(),
        instances=(
            instance("a", 0, "FAILED", "Exit code 1: x."),
            instance("a", 1, "FAILED", "Exit code -104: it used more memory."),
            instance("a", 2, "RUNNING"),
            instance("b", 0, "WAITING"),
        ),
    ),
}

ENDED = {
    "well": ApplicationFacts(
        report=report(
            "FINISHED",
            final_application_status=FinalApplicationStatus.SUCCEEDED,
            diagnostics="All services have completed successfully.",
        )
    ),
    "killed": ApplicationFacts(
        report=report(
            "KILLED",
            final_application_status=FinalApplicationStatus.KILLED,
            diagnostics="Application application_1_0007 was killed by user bob at 127.0.0.1",
            app_resource_usage=ApplicationResourceUsageReport(preempted_memory_seconds=5),
        )
    ),
    "its ApplicationMaster failed": ApplicationFacts(
        report=report(
            "FAILED",
            final_application_status=FinalApplicationStatus.FAILED,
            diagnostics="Application failed 2 times",
        ),
        attempts=(
            attempt("FAILED", "AM Container for appattempt_1 exited with  exitCode: -104\n"),
        ),
    ),
}

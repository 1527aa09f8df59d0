"""What a ResourceManager tells of an application, its queue and the nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.control.messages import ContainerState, ServiceContainer
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    YarnApplicationState,
)
from yarnhub.yarn.records.cluster import (
    NodeReport,
    NodeState,
    QueueInfo,
    QueueState,
    QueueStatistics,
)
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId, ContainerId, NodeId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from yarnhub.yarn.queues.scheduler_page import LeafFigures

NUMBER = ApplicationId(id=7, cluster_timestamp=1)
ATTEMPT = ApplicationAttemptId(application_id=NUMBER, attempt_id=1)
MASTER = ContainerId(app_attempt_id=ATTEMPT, id=1)
ACTIVATED = (
    "[Wed Nov 25 10:15:09 +0000 2026] Application is Activated, waiting for resources to be "
    "assigned for AM.  Details : AM Partition = <DEFAULT_PARTITION> ; AM Resource Request = "
    "<memory:512, vCores:1> ; Queue's Absolute capacity = 40.0 % ; "
)


def report(state: str = "ACCEPTED", **changes: object) -> ApplicationReport:
    known = ApplicationReport(
        application_id=NUMBER,
        user="alice",
        queue="default",
        yarn_application_state=YarnApplicationState[state],
        am_node_label_expression="<DEFAULT_PARTITION>",
        diagnostics=ACTIVATED if state == "ACCEPTED" else "",
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # fields of the report


def holding(user: str, memory: int, number: int = 9) -> ApplicationReport:
    usage = ApplicationResourceUsageReport(used_resources=Resource(memory=memory))
    return report(
        "RUNNING",
        application_id=ApplicationId(id=number, cluster_timestamp=1),
        user=user,
        app_resource_usage=usage,
    )


def node(
    host: str = "w1", *, used: int = 0, labels: tuple[str, ...] = (), **changes: object
) -> NodeReport:
    known = NodeReport(
        node_id=NodeId(host=host, port=1),
        rack_name="/r1",
        used=Resource(memory=used, virtual_cores=used and 1),
        capability=Resource(memory=8192, virtual_cores=8),
        node_state=NodeState.RUNNING,
        node_labels=labels,
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # fields of the report


def queue(used: int = 0, *, most: float = 1.0, **changes: object) -> QueueInfo:
    known = QueueInfo(
        queue_name="default",
        queue_path="root.default",
        maximum_capacity=most,
        state=QueueState.RUNNING,
        queue_statistics=QueueStatistics(allocated_memory_mb=used, allocated_vcores=1),
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # fields of the record


def waiting(figures: LeafFigures | None, **changes: object) -> ApplicationFacts:
    """An unmanaged application of alice that waits for its first container."""
    spec = ApplicationSpec.from_dict(
        {
            "services": {
                "lab": {"script": "x", "resources": {"memory": 1024, "vcores": 1}},
            }
        }
    )
    known = ApplicationFacts(
        report=report("RUNNING", unmanaged_application=True),
        nodes=(node(),),
        queues=(queue(),),
        instances=(
            ServiceContainer(service_name="lab", instance=0, state=ContainerState.REQUESTED),
        ),
        spec=spec,
        figures=figures,
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # fields of the facts

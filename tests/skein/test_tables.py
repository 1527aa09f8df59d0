from __future__ import annotations

import pytest

from skein.cli.tables import application_table, container_table, node_table, queue_table
from skein.utils import format_runtime, format_table
from yarnhub.control.messages import ContainerState, ServiceContainer
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    FinalApplicationStatus,
    YarnApplicationState,
)
from yarnhub.yarn.records.cluster import NodeReport, NodeState, QueueInfo, QueueState
from yarnhub.yarn.records.ids import ApplicationId, NodeId
from yarnhub.yarn.records.resources import Resource


def report(**changes: object) -> ApplicationReport:
    fields: dict[str, object] = {
        "application_id": ApplicationId(id=21, cluster_timestamp=1533143063639),
        "name": "jupyter-demo",
        "yarn_application_state": YarnApplicationState.RUNNING,
        "start_time": 1_000_000,
        "app_resource_usage": ApplicationResourceUsageReport(
            num_used_containers=2, used_resources=Resource(memory=1536, virtual_cores=2)
        ),
    }
    return ApplicationReport(**{**fields, **changes})  # type: ignore[arg-type]  # the test's own


def test_a_finished_application_looks_as_skein_documents_it() -> None:
    finished = report(
        yarn_application_state=YarnApplicationState.FINISHED,
        final_application_status=FinalApplicationStatus.SUCCEEDED,
        finish_time=1_000_000 + 600_000,
    )
    assert application_table([finished], 9e9) == (
        "APPLICATION_ID                    NAME            STATE       STATUS       CONTAINERS"
        "    VCORES    MEMORY    RUNTIME\n"
        "application_1533143063639_0021    jupyter-demo    FINISHED    SUCCEEDED    0         "
        "    0         0         10m"
    )


def test_a_running_application_shows_what_it_holds() -> None:
    row = application_table([report()], 1006.5).splitlines()[1].split()
    assert row[2:] == ["RUNNING", "UNDEFINED", "2", "2", "1536", "6s"]


def test_figures_that_a_user_may_not_see_are_shown_as_none_held() -> None:
    hidden = ApplicationResourceUsageReport(
        num_used_containers=-1, used_resources=Resource(memory=-1, virtual_cores=-1)
    )
    row = application_table([report(app_resource_usage=hidden)], 1000).splitlines()[1].split()
    assert row[4:] == ["0", "0", "0", "0s"]


def test_a_table_without_rows_is_its_heading() -> None:
    assert format_table(("service", "id"), []) == "SERVICE    ID"


def test_no_line_of_a_table_ends_with_blanks() -> None:
    table = format_table(("a", "b"), [("x", ""), ("long", "y")])
    assert table.splitlines() == ["A       B", "x", "long    y"]


def test_containers_show_their_runtime() -> None:
    containers = [
        ServiceContainer(service_name="w", instance=0, state=ContainerState.REQUESTED),
        ServiceContainer(
            service_name="w", instance=1, state=ContainerState.RUNNING, start_time=10.0
        ),
        ServiceContainer(
            service_name="w",
            instance=2,
            state=ContainerState.FAILED,
            start_time=10.0,
            finish_time=100.0,
        ),
    ]
    assert [line.split() for line in container_table(containers, 15.0).splitlines()] == [
        ["SERVICE", "ID", "STATE", "RUNTIME"],
        ["w", "w_0", "REQUESTED", "0s"],
        ["w", "w_1", "RUNNING", "5s"],
        ["w", "w_2", "FAILED", "1m"],
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (6.9, "6s"),
        (59.9, "59s"),
        (60, "1m"),
        (600, "10m"),
        (6000, "1h 40m"),
        (3600, "1h 0m"),
        (90_000, "25h 0m"),
        (-3, "0s"),
    ],
)
def test_runtime(seconds: float, text: str) -> None:
    assert format_runtime(seconds) == text


def test_nodes_show_what_is_used_of_what_is_there() -> None:
    node = NodeReport(
        node_id=NodeId(host="worker-1", port=8041),
        node_state=NodeState.RUNNING,
        rack_name="/default-rack",
        num_containers=3,
        used=Resource(memory=1536, virtual_cores=2),
        capability=Resource(memory=8192, virtual_cores=8),
        node_labels=("gpu", ""),
    )
    assert node_table([node]) == (
        "NODE_ID          STATE      RACK             CONTAINERS    VCORES    MEMORY       LABELS\n"
        "worker-1:8041    RUNNING    /default-rack    3             2/8       1536/8192    gpu"
    )


def test_queues_show_their_capacities_in_per_cent() -> None:
    queue = QueueInfo(
        queue_name="apples",
        queue_path="root.fruit.apples",
        state=QueueState.RUNNING,
        capacity=0.4000000059604645,
        maximum_capacity=1.0,
        current_capacity=1.255,
    )
    assert queue_table([queue, QueueInfo(queue_name="old")]) == (
        "QUEUE                STATE      CAPACITY    MAX_CAPACITY    USED\n"
        "root.fruit.apples    RUNNING    40%         100%            125.5%\n"
        "old                  STOPPED    0%          0%              0%"
    )

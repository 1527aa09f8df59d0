from __future__ import annotations

import pickle

import pytest

from skein.model import ApplicationReport, NodeReport, NodeState, Queue, QueueState
from yarnhub.yarn.records import applications, cluster
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import Resource


@pytest.mark.parametrize(
    ("reported", "queue"),
    [("root.default", "default"), ("default", "default"), ("root.fruit.apples", "apples")],
)
def test_a_queue_has_the_name_that_users_say(reported: str, queue: str) -> None:
    assert ApplicationReport.of(applications.ApplicationReport(queue=reported)).queue == queue
    assert Queue.of(cluster.QueueInfo(queue_name=reported)).name == queue


def test_a_node_is_known_by_host_and_port() -> None:
    report = NodeReport.of(
        cluster.NodeReport(
            node_id=NodeId(host="worker-1", port=8041),
            node_state=cluster.NodeState.UNHEALTHY,
            capability=Resource(memory=8192, virtual_cores=8),
            node_labels=("", "gpu"),
            health_report="disks are full",
        )
    )
    assert (report.id, report.host, report.port) == ("worker-1:8041", "worker-1", 8041)
    assert report.state == "unhealthy"
    assert report.labels == {"gpu"}
    assert (report.total_resources.memory, report.total_resources.vcores) == (8192, 8)
    assert (report.used_resources.memory, report.used_resources.vcores) == (0, 0)
    assert pickle.loads(pickle.dumps(report)) == report


def test_capacities_are_per_cent() -> None:
    queue = Queue.of(
        cluster.QueueInfo(
            queue_name="root.default",
            capacity=0.4000000059604645,
            maximum_capacity=1.0,
            current_capacity=1.25,
            state=cluster.QueueState.RUNNING,
            accessible_node_labels=("*",),
        )
    )
    assert (queue.capacity, queue.max_capacity, queue.percent_used) == (40, 100, 125)
    assert queue.state is QueueState.RUNNING
    assert queue.node_labels == {"*"}


@pytest.mark.parametrize("state", [None, cluster.QueueState.STOPPED, cluster.QueueState.DRAINING])
def test_a_queue_that_takes_no_applications_is_stopped(state: cluster.QueueState | None) -> None:
    assert Queue.of(cluster.QueueInfo(state=state)).state == "stopped"


def test_states_are_yarns() -> None:
    assert NodeState.values() == tuple(cluster.NodeState.__members__)
    assert set(QueueState.values()) <= set(cluster.QueueState.__members__)

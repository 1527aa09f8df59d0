"""Queues, and how many servers fit into one."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.queue import judge, read_limit, usable_queues
from yarnhub.yarn.queues import with_paths
from yarnhub.yarn.records.cluster import QueueACL, QueueInfo, QueueState, QueueUserACLInfo
from yarnhub.yarn.records.resources import MEMORY, VCORES

LEAF = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.RUNNING)
OLD = QueueInfo(queue_name="a", state=QueueState.RUNNING)
STOPPED = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.STOPPED)


def root(*leaves: QueueInfo) -> QueueInfo:
    parent = QueueInfo(queue_name="x", child_queues=leaves or (LEAF,))
    return with_paths(QueueInfo(queue_name="root", child_queues=(parent,)))


@pytest.mark.parametrize(
    ("name", "leaf", "usable", "grade", "words"),
    [
        ("a", LEAF, ["a"], Grade.OK, "root.x.a runs, and alice may submit to it"),
        ("root.x.a", OLD, ["a"], Grade.OK, "root.x.a runs, and alice may submit to it"),
        ("x", LEAF, ["a"], Grade.ERROR, "root.x only holds other queues"),
        ("a", STOPPED, ["a"], Grade.ERROR, "root.x.a is stopped"),
        ("a", LEAF, ["y"], Grade.ERROR, "alice may not submit to root.x.a"),
        ("b", LEAF, ["a"], Grade.ERROR, "there is no queue b"),
    ],
)
def test_a_queue(name: str, leaf: QueueInfo, usable: list[str], grade: Grade, words: str) -> None:
    found = judge(name, root(leaf), usable, "alice")
    assert found.grade is grade
    assert found.what == words


@pytest.mark.parametrize("parent", ["", "root.x."])
def test_usable_ones(parent: str) -> None:
    submit = (QueueACL.SUBMIT_APPLICATIONS,)
    allowed = [
        QueueUserACLInfo(queue_name="root", user_acls=submit),
        QueueUserACLInfo(queue_name=f"{parent}a", user_acls=submit),
        QueueUserACLInfo(queue_name=f"{parent}b"),
        QueueUserACLInfo(queue_name=f"{parent}c", user_acls=(*submit, QueueACL.ADMINISTER_QUEUE)),
    ]
    # As Hadoop 3.3.6 tells it: names here, and paths in what a user may do.
    tree = root(*(QueueInfo(queue_name=name) for name in "abc"))
    assert usable_queues(tree, allowed) == ["a", "c"]
    assert usable_queues(None, allowed) == []


def scheduler(memory: int, vcores: int) -> Any:
    types = [
        {"name": "memory-mb", "minimumAllocation": 1024},
        {"name": "vcores", "minimumAllocation": 1},
    ]
    least = {"resourceInformations": {"resourceInformation": types}}
    leaf = {
        "queueName": "a",
        "queuePath": "root.x.a",
        "capacities": {
            "queueCapacitiesByPartition": [
                {"partitionName": "gpu", "configuredMinResource": {}},
                {"partitionName": "", "configuredMinResource": least},
            ]
        },
        "resources": {
            "resourceUsagesByPartition": [
                {"partitionName": "gpu", "amLimit": {"memory": 1, "vCores": 1}},
                {"partitionName": "", "amLimit": {"memory": memory, "vCores": vcores}},
            ]
        },
    }
    tree = {"queueName": "root", "queues": {"queue": [{"queues": {"queue": [leaf]}}]}}
    return {"scheduler": {"schedulerInfo": tree}}


@pytest.mark.parametrize("name", ["a", "root.x.a"])
def test_the_limit_of_masters(name: str) -> None:
    limit = read_limit(scheduler(30000, 40), name)
    assert limit is not None
    assert limit.all == {MEMORY: 30000, VCORES: 40}
    assert limit.one == {MEMORY: 1024, VCORES: 1}
    assert limit.number == 29


def test_the_scarcer_one_counts() -> None:
    limit = read_limit(scheduler(300000, 7), "a")
    assert limit is not None
    assert limit.number == 7


def test_another_scheduler() -> None:
    assert read_limit(scheduler(1, 1), "b") is None
    with pytest.raises((KeyError, TypeError)):
        read_limit({"scheduler": {"schedulerInfo": {"type": "fairScheduler"}}}, "a")

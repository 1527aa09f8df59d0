"""Queues, and how many servers fit into one."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.client.obstacles import MEMORY, VCORES
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.queue import judge, read_limit, usable_queues
from yarnhub.yarn.records.cluster import QueueACL, QueueInfo, QueueState, QueueUserACLInfo

LEAF = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.RUNNING)
PARENT = QueueInfo(queue_name="x", queue_path="root.x", child_queues=(LEAF,))
STOPPED = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.STOPPED)
OLD = QueueInfo(queue_name="a", state=QueueState.RUNNING)


@pytest.mark.parametrize(
    ("queue", "usable", "grade", "words"),
    [
        (LEAF, ["root.x.a"], Grade.OK, "root.x.a runs, and alice may submit to it"),
        (OLD, ["a"], Grade.OK, "a runs, and alice may submit to it"),
        (PARENT, ["root.x.a"], Grade.ERROR, "root.x only holds other queues"),
        (STOPPED, ["root.x.a"], Grade.ERROR, "root.x.a is stopped"),
        (LEAF, ["root.y"], Grade.ERROR, "alice may not submit to root.x.a"),
    ],
)
def test_a_queue(queue: QueueInfo, usable: list[str], grade: Grade, words: str) -> None:
    found = judge(queue, usable, "alice")
    assert found.grade is grade
    assert found.what == words


def test_usable_ones() -> None:
    submit = (QueueACL.SUBMIT_APPLICATIONS,)
    allowed = [
        QueueUserACLInfo(queue_name="root", user_acls=submit),
        QueueUserACLInfo(queue_name="root.x", user_acls=submit),
        QueueUserACLInfo(queue_name="root.x.a", user_acls=submit),
        QueueUserACLInfo(queue_name="root.x.b"),
        QueueUserACLInfo(queue_name="root.xy", user_acls=(*submit, QueueACL.ADMINISTER_QUEUE)),
    ]
    assert usable_queues(allowed) == ["root.x.a", "root.xy"]


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

"""Which limits the scheduler's own figures show as reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yarn.queues.pages import leaf
from yarnhub.yarn.queues.reached_limits import full_queue, master_limit, user_limit
from yarnhub.yarn.queues.scheduler_page import LeafFigures, UserFigures
from yarnhub.yarn.records.cluster import NodeReport, NodeState, QueueInfo, QueueStatistics
from yarnhub.yarn.records.resources import MEMORY, VCORES, Resource

NODES = tuple(
    NodeReport(node_state=state, capability=Resource(memory=4096, virtual_cores=8))
    for state in (NodeState.RUNNING, NodeState.RUNNING, NodeState.LOST)
)
"""8192 MiB and 16 vcores are on those that run."""


def queue(path: str, most: float, memory: int) -> QueueInfo:
    numbers = QueueStatistics(allocated_memory_mb=memory, allocated_vcores=1)
    return QueueInfo(queue_path=path, maximum_capacity=most, queue_statistics=numbers)


ROOT = queue("root", 1.0, 4096)
FRUIT = queue("root.fruit", 0.5, 3072)
APPLES = queue("root.fruit.apples", 0.5, 1024)


@pytest.mark.parametrize(
    ("memory", "vcores", "full"),
    [
        (1024, 1, None),
        (1025, 1, "root.fruit"),  # 4096 MiB are the half of all
        (512, 5, "root.fruit.apples"),  # 4 vcores are a quarter of all
        (8192, 1, "root"),
    ],
)
def test_the_first_queue_without_room_is_found(memory: int, vcores: int, full: str | None) -> None:
    asked = {MEMORY: memory, VCORES: vcores}
    found = full_queue((ROOT, FRUIT, APPLES), None, NODES, asked)
    assert (found.queue if found else None) == full


def test_a_full_queue_tells_what_is_held_and_what_may_be() -> None:
    found = full_queue((ROOT, FRUIT), None, NODES, {MEMORY: 2048})
    assert found is not None
    assert found.used == {MEMORY: 3072, VCORES: 1}
    assert found.limit == {MEMORY: 4096, VCORES: 8}


def test_no_queue_is_full_where_no_limit_is_known() -> None:
    asked = {MEMORY: 1 << 40}
    assert full_queue((queue("root", 0.0, 4096),), None, NODES, asked) is None
    assert full_queue((ROOT,), None, (), asked) is None


def test_the_fair_scheduler_tells_its_limits_on_its_page_only() -> None:
    figures = LeafFigures(path="root.bob", used={MEMORY: 3}, limit={MEMORY: 4})
    line = (queue("root", 0.0, 3),)
    assert full_queue(line, figures, NODES, {MEMORY: 1}) is None
    found = full_queue(line, figures, NODES, {MEMORY: 2})
    assert found is not None
    assert (found.queue, found.used, found.limit) == ("root.bob", {MEMORY: 3}, {MEMORY: 4})


def test_masters_of_all_users_and_of_one() -> None:
    figures = leaf("3.4.2-masters")
    found = master_limit(figures, "alice")
    assert found is not None
    assert (found.user, found.used, found.limit) == ("", figures.am_used, figures.am_limit)
    roomy = replace(
        figures,
        am_limit={MEMORY: 4096, VCORES: 8},
        users={"alice": UserFigures(used={}, limit={}, am_used={MEMORY: 96, VCORES: 1})},
    )
    found = master_limit(roomy, "alice")
    assert found is not None
    assert (found.user, found.used[MEMORY], found.limit) == ("alice", 96, figures.user_am_limit)
    assert master_limit(roomy, "bob") is None


@pytest.mark.parametrize(("limit", "reached"), [({MEMORY: 7}, True), ({MEMORY: 8}, False)])
def test_what_one_user_may_hold(limit: dict[str, int], reached: bool) -> None:
    alices = UserFigures(used={MEMORY: 8}, limit=limit, am_used={})
    figures = LeafFigures(path="root.a", users={"alice": alices})
    assert (user_limit(figures, "alice") is not None) is reached
    assert user_limit(figures, "bob") is None
    assert user_limit(replace(figures, users={"alice": replace(alices, limit={})}), "alice") is None

"""What real ResourceManagers told of their queues: see the folder `recorded`."""

from __future__ import annotations

from typing import Any

import pytest

from yarn.queues.pages import leaf, recorded
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.queues.scheduler_page import read_scheduler_page
from yarnhub.yarn.records.resources import MEMORY, VCORES


def test_a_full_queue_is_not_one_at_its_limit_of_masters() -> None:
    # bob holds the node's 8 GiB with two applications, alice waits for her container.
    found = leaf("3.4.2-full")
    assert found.path == "root.default"
    assert (found.active, found.pending, found.held_back) == (3, 0, 0)
    assert found.used == {MEMORY: 8192, VCORES: 2}
    assert found.am_used == {MEMORY: 96, VCORES: 3}
    assert found.am_limit == {MEMORY: 6560, VCORES: 7}
    assert found.users["bob"].used[MEMORY] == 8192


@pytest.mark.parametrize("hadoop", ["3.3.6", "3.4.2"])
def test_the_limit_of_masters(hadoop: str) -> None:
    found = leaf(f"{hadoop}-masters")
    assert found.path == "root.fruit.apples"
    assert (found.active, found.pending, found.held_back) == (1, 1, 0)
    assert found.am_used == {MEMORY: 32, VCORES: 1}
    assert found.am_limit == found.user_am_limit == {MEMORY: 96, VCORES: 1}
    assert found.am_least == {MEMORY: 32, VCORES: 1}


@pytest.mark.parametrize(
    ("hadoop", "limit"), [("3.3.6", None), ("3.4.2", ("root.fruit.bananas", 1))]
)
def test_the_limit_of_parallel_applications(hadoop: str, limit: tuple[str, int] | None) -> None:
    found = leaf(f"{hadoop}-parallel")
    assert (found.active, found.pending, found.held_back) == (1, 0, 2)
    assert found.parallel == limit, "Hadoop 3.3 tells only that some are held back"


def test_the_fair_scheduler_names_queues_by_their_paths_and_tells_their_limits() -> None:
    found = read_scheduler_page(recorded("3.4.2-fair"))
    assert list(found) == ["root.bob", "root.alice"]
    assert found["root.bob"].used == {MEMORY: 8192, VCORES: 2}
    assert found["root.alice"].limit == {MEMORY: 8192, VCORES: 8}
    assert (found["root.bob"].active, found["root.alice"].held_back) == (2, 0)


def test_the_fair_scheduler_at_its_limit_of_running_applications() -> None:
    told = recorded("3.4.2-fair")
    (bob, _) = told["scheduler"]["schedulerInfo"]["rootQueue"]["childQueues"]["queue"]
    bob |= {"maxApps": 2, "numPendingApps": 1}
    found = read_scheduler_page(told)["root.bob"]
    assert (found.parallel, found.held_back, found.fair) == (("root.bob", 2), 1, True)


def test_another_scheduler_is_not_known() -> None:
    told = {"scheduler": {"schedulerInfo": {"type": "fifoScheduler", "capacity": 1.0}}}
    assert read_scheduler_page(told) == {}


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"scheduler": {"schedulerInfo": {"type": "capacityScheduler"}}},
        {"scheduler": {"schedulerInfo": {"type": "fairScheduler", "rootQueue": 3}}},
    ],
)
def test_another_page_is_refused(told: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        read_scheduler_page(told)

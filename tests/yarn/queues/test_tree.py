"""Queues as each Hadoop version and scheduler names them."""

from __future__ import annotations

import pytest

from yarnhub.yarn.queues.tree import (
    descendants,
    is_named,
    is_same_queue,
    leaves,
    line_to,
    submission_names,
    with_paths,
)
from yarnhub.yarn.records.cluster import QueueInfo


def tree(*, paths: bool = False, full_names: bool = False) -> QueueInfo:
    """The same queues as `getQueueInfo` tells them."""

    def queue(path: str, *children: QueueInfo) -> QueueInfo:
        name = path if full_names else path.rpartition(".")[2]
        return QueueInfo(
            queue_name=name, queue_path=path if paths else "", child_queues=tuple(children)
        )

    return queue(
        "root",
        queue("root.default"),
        queue("root.fruit", queue("root.fruit.apples"), queue("root.fruit.rest")),
        queue("root.rest"),
    )


TOLD = {
    "CapacityScheduler of 3.3": tree(),
    "CapacityScheduler of 3.4": tree(paths=True),
    "FairScheduler": tree(full_names=True),
}


@pytest.fixture(params=TOLD)
def root(request: pytest.FixtureRequest) -> QueueInfo:
    return with_paths(TOLD[request.param])


def test_each_has_its_path(root: QueueInfo) -> None:
    assert [each.queue_path for each in leaves(root)] == [
        "root.default",
        "root.fruit.apples",
        "root.fruit.rest",
        "root.rest",
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("root", "root"),
        ("default", "root.default"),
        ("root.default", "root.default"),
        ("apples", "root.fruit.apples"),
        ("fruit.apples", "root.fruit.apples"),
        ("rest", "root.rest"),
        ("root.fruit.rest", "root.fruit.rest"),
    ],
)
def test_a_queue_is_found_by_any_of_its_names(root: QueueInfo, name: str, path: str) -> None:
    line = line_to(root, name)
    assert line[-1].queue_path == path
    assert [each.queue_path for each in line] == [
        ".".join(path.split(".")[: at + 1]) for at in range(len(line))
    ]


def test_what_is_not_there_is_not_found(root: QueueInfo) -> None:
    assert line_to(root, "pears") == line_to(None, "default") == ()


def test_what_a_user_may_is_told_by_path_or_by_name(root: QueueInfo) -> None:
    (default, *_, rest) = leaves(root)
    assert is_named(default, {"root.default"})
    assert is_named(default, {"default"}), "as Hadoop 2.10 and 3.2 have it"
    assert not is_named(rest, {"root.fruit.rest", "root"})


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("CapacityScheduler of 3.3", ["default", "apples"]),
        ("CapacityScheduler of 3.4", ["default", "apples"]),
        # It puts an application for `apples` into root.default.
        ("FairScheduler", ["root.default", "root.fruit.apples"]),
    ],
)
def test_the_name_to_submit_by_is_a_path_only_where_it_must_be(told: str, names: list[str]) -> None:
    found = submission_names(with_paths(TOLD[told]))
    assert list(found.values()) == [*names, "root.fruit.rest", "root.rest"]


@pytest.mark.parametrize(
    ("reported", "asked"),
    [
        ("root.default", "default"),
        ("root.default", "root.default"),
        ("default", "root.default"),
        ("root.fruit.apples", "apples"),
        ("root.fruit.apples", "fruit.apples"),
    ],
)
def test_a_queue_is_known_by_all_of_its_names(reported: str, asked: str) -> None:
    assert is_same_queue(reported, asked)


@pytest.mark.parametrize(
    ("reported", "asked"),
    [("root.default", "fault"), ("root.fruit.apples", "fruit"), ("root.apples", "fruit.apples")],
)
def test_other_queues_are_others(reported: str, asked: str) -> None:
    assert not is_same_queue(reported, asked)


def test_each_queue_stands_before_its_children(root: QueueInfo) -> None:
    assert [each.queue_path for each in descendants(root)] == [
        "root.default",
        "root.fruit",
        "root.fruit.apples",
        "root.fruit.rest",
        "root.rest",
    ]

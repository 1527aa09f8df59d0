"""Which queues a user can submit to, and how much room is in them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.queues.usable import (
    Room,
    Use,
    may_use_label,
    room_in,
    submission_acls,
    usable_queues,
)
from yarnhub.yarn.records.cluster import QueueACL, QueueInfo, QueueState, QueueUserACLInfo

SUBMIT = (QueueACL.SUBMIT_APPLICATIONS,)


def root(*children: QueueInfo) -> QueueInfo:
    parent = QueueInfo(queue_name="x", child_queues=children)
    return with_paths(QueueInfo(queue_name="root", child_queues=(parent,)))


@pytest.mark.parametrize("parent", ["", "root.x."])
def test_usable_ones(parent: str) -> None:
    allowed = submission_acls(
        [
            QueueUserACLInfo(queue_name="root", user_acls=SUBMIT),
            QueueUserACLInfo(queue_name=f"{parent}a", user_acls=SUBMIT),
            QueueUserACLInfo(queue_name=f"{parent}b"),
            QueueUserACLInfo(
                queue_name=f"{parent}c", user_acls=(*SUBMIT, QueueACL.ADMINISTER_QUEUE)
            ),
        ]
    )
    # As Hadoop 3.3.6 tells it: names here, and paths in what a user may do.
    tree = root(*(QueueInfo(queue_name=name) for name in "abc"))
    assert list(usable_queues(tree, allowed)) == ["a", "c"]
    assert usable_queues(None, allowed) == {}


@pytest.mark.parametrize(
    ("state", "usable"),
    [
        (None, ["a"]),  # not told
        (QueueState.RUNNING, ["a"]),
        (QueueState.STOPPED, []),
        (QueueState.DRAINING, []),
    ],
)
def test_only_queues_that_take_applications(state: QueueState | None, usable: list[str]) -> None:
    tree = root(QueueInfo(queue_name="a", state=state))
    assert list(usable_queues(tree, {"root.x.a"})) == usable


@pytest.mark.parametrize(
    ("used", "most", "use", "free"),
    [
        (0.0, 1.0, Use.FREE, 1.0),
        (0.75, 1.0, Use.FREE, 0.25),
        (1.0, 1.0, Use.BORROWING, 0.0),
        (2.0, 1.0, Use.FULL, 0.0),
        (1.0, 0.5, Use.FULL, 0.0),
        (1.0, 0.0, Use.USED_UP, 0.0),
        (float("nan"), 1.0, Use.UNKNOWN, 0.0),
    ],
)
def test_room(used: float, most: float, use: Use, free: float) -> None:
    queue = QueueInfo(capacity=0.5, current_capacity=used, maximum_capacity=most)
    assert room_in(queue) == Room(use, free)
    assert room_in(replace(queue, capacity=0.0)) == Room(Use.UNKNOWN)


@pytest.mark.parametrize(
    ("labels", "allowed"), [((), False), (("gpu ",), True), (("*",), True), (("old",), False)]
)
def test_the_labels_of_a_queue(labels: tuple[str, ...], allowed: bool) -> None:
    assert may_use_label(QueueInfo(accessible_node_labels=labels), "gpu") is allowed

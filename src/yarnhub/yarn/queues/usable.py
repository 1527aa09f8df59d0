"""The queues that a user may submit to, and the node labels and free resources of each."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.yarn.queues.tree import is_named, leaves, submission_names
from yarnhub.yarn.records.cluster import QueueACL, QueueState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from yarnhub.yarn.records.cluster import QueueInfo, QueueUserACLInfo


def takes_applications(queue: QueueInfo) -> bool:
    """Whether a queue is neither stopped nor draining; also if its state is unknown."""
    return queue.state in (None, QueueState.RUNNING)


def submission_acls(acls: Iterable[QueueUserACLInfo]) -> frozenset[str]:
    """The queues whose ACLs allow a user to submit, by YARN's names.

    Args:
        acls: The result of `getQueueUserAcls` for the user.
    """
    return frozenset(
        each.queue_name for each in acls if QueueACL.SUBMIT_APPLICATIONS in each.user_acls
    )


def usable_queues(root: QueueInfo | None, allowed: Collection[str]) -> dict[str, QueueInfo]:
    """The leaf queues that a user can submit to now, by their names for submission.

    Args:
        root: The root queue with all below it, from `with_paths`.
        allowed: The user's queues, from `submission_acls`.
    """
    if root is None:
        return {}
    names = submission_names(root)
    return {
        names[each.queue_path]: each
        for each in leaves(root)
        if is_named(each, allowed) and takes_applications(each)
    }


def may_use_label(queue: QueueInfo, label: str) -> bool:
    """Whether a queue's applications may use nodes with a label."""
    labels = {each.strip() for each in queue.accessible_node_labels}
    return not labels.isdisjoint({label, "*"})


class Use(enum.Enum):
    """How far a queue's share of the cluster is used."""

    UNKNOWN = enum.auto()
    FREE = enum.auto()
    """Part of it is free."""
    USED_UP = enum.auto()
    """None of it is free; whether it may use more is unknown, as with the FairScheduler."""
    BORROWING = enum.auto()
    """None of it is free; it may use more while other queues do not."""
    FULL = enum.auto()
    """The queue is full."""


@dataclass(frozen=True, slots=True)
class Room:
    """The free resources of a queue.

    Attributes:
        use: How far its own share is used.
        free: The part of its share that is free, 0 to 1.
    """

    use: Use
    free: float = 0.0


def room_in(queue: QueueInfo) -> Room:
    """The free resources of a queue."""
    used, most = queue.current_capacity, queue.maximum_capacity
    if not math.isfinite(used) or queue.capacity <= 0:
        return Room(Use.UNKNOWN)
    if used < 1:
        return Room(Use.FREE, 1 - used)
    if most <= 0:
        return Room(Use.USED_UP)
    return Room(Use.BORROWING if used * queue.capacity < most else Use.FULL)

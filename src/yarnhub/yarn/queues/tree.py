"""The names of a scheduler's queues: Hadoop's versions and schedulers use three forms.

| | `getQueueInfo`, reports | the queues that a user may submit to |
|---|---|---|
| CapacityScheduler until Hadoop 3.2 | `apples` | `apples` |
| CapacityScheduler of 3.3 | `apples` | `root.fruit.apples` |
| CapacityScheduler since 3.4 | `apples`, with `root.fruit.apples` | `root.fruit.apples` |
| FairScheduler | `root.fruit.apples` as its name | `root.fruit.apples` |

An application is submitted by the name from `getQueueInfo`: the FairScheduler silently puts one for
`apples` into another queue.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from yarnhub.yarn.records.cluster import QueueInfo

ROOT = "root"


def with_paths(queue: QueueInfo, parent: str = "") -> QueueInfo:
    """A queue and all queues below it, each with its path, and with its name as reported.

    Args:
        queue: From `getQueueInfo`.
        parent: The path of its parent; empty for the root.
    """
    name = queue.queue_path or queue.queue_name
    path = name if not parent or name.startswith(f"{parent}.") else f"{parent}.{name}"
    return replace(
        queue,
        queue_path=path,
        child_queues=tuple(with_paths(child, path) for child in queue.child_queues),
    )


def line_to(root: QueueInfo | None, name: str) -> tuple[QueueInfo, ...]:
    """A queue and its parents, from the root down; empty if the name is not found.

    Args:
        root: The root queue with all below it, from `with_paths`.
        name: The queue's name, path, or the end of its path.
    """
    if root is None:
        return ()
    lines = {line[-1].queue_path: line for line in _lines(root)}
    path = find_path(lines, name)
    return () if path is None else lines[path]


def _lines(queue: QueueInfo) -> Iterator[tuple[QueueInfo, ...]]:
    yield (queue,)
    for child in queue.child_queues:
        for line in _lines(child):
            yield (queue, *line)


def find_path(paths: Collection[str], name: str) -> str | None:
    """The path of the queue with a name; None if not found.

    Args:
        paths: The paths of all queues, in the scheduler's order.
        name: The queue's name, path, or the end of its path.
    """
    for path in (name, f"{ROOT}.{name}"):
        if path in paths:
            return path
    return next((path for path in paths if own_name(path) == name), None)


def own_name(name: str) -> str:
    """A queue's name without its parents."""
    return name.rpartition(".")[2]


def is_same_queue(one: str, other: str) -> bool:
    """Whether two names, paths or ends of paths may mean the same queue.

    A report may name one as `root.fruit.apples`, and users write that, `fruit.apples` or `apples`.
    """
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def is_named(queue: QueueInfo, names: Collection[str]) -> bool:
    """Whether a queue from `with_paths` has one of these names or paths."""
    return queue.queue_path in names or own_name(queue.queue_path) in names


def descendants(queue: QueueInfo) -> Iterator[QueueInfo]:
    """All queues below one, each before its children."""
    for child in queue.child_queues:
        yield child
        yield from descendants(child)


def leaves(queue: QueueInfo) -> Iterator[QueueInfo]:
    """The leaf queues, in the scheduler's order."""
    return (each for each in (queue, *descendants(queue)) if not each.child_queues)


def submission_names(root: QueueInfo) -> dict[str, str]:
    """The name by which an application is submitted to each leaf, by its path.

    It is the name as reported; before Hadoop 3.3 no other works. The path only if several have the
    same name, which is not possible before.
    """
    found = tuple(leaves(root))
    count = Counter(each.queue_name for each in found)
    return {
        each.queue_path: each.queue_name if count[each.queue_name] == 1 else each.queue_path
        for each in found
    }

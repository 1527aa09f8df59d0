"""The queues that users of the hub may choose, and how free they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.sessions.profiles import QueueChoice
from yarnhub.yarn.queues.tree import is_named, leaves
from yarnhub.yarn.queues.usable import Use, room_in, usable_queues

if TYPE_CHECKING:
    from collections.abc import Collection

    from yarnhub.client.queues import ClusterQueues
    from yarnhub.yarn.records.cluster import QueueInfo

NONE = "YARN lets you submit to none"
UNKNOWN = "YARN does not say now which others there are"


async def queue_choices(
    queues: ClusterQueues, user: str, configured: str
) -> tuple[QueueChoice, ...]:
    """The queues that a user may submit to now; never empty. Cancelling leaves nothing behind.

    Args:
        queues: The cluster's.
        user: The cluster's name of the user.
        configured: The default; alone if YARN cannot be asked, with words that say so.
    """
    tree = await queues.tree()
    allowed = None if tree is None else await queues.allowed(user)
    if tree is None or allowed is None:
        return (QueueChoice(name=configured, words=UNKNOWN, default=True),)
    return offered(tree, allowed, configured)


def offered(root: QueueInfo, allowed: Collection[str], configured: str) -> tuple[QueueChoice, ...]:
    """The leaf queues that run and that somebody may submit to, in the scheduler's order.

    Args:
        root: The root queue with all below it, from `get_queues`.
        allowed: The names of queues that one may submit to, be they paths or not.
        configured: The default. If there is no such leaf it is offered too: YARN makes queues for
            users below some, and only its rules know where they place an application.
    """
    choices = []
    for name, each in usable_queues(root, allowed).items():
        default = is_named(each, (configured,))
        choices.append(
            QueueChoice(
                name=configured if default else name, words=room_words(each), default=default
            )
        )
    if not any(is_named(each, (configured,)) for each in leaves(root)):
        choices.insert(0, QueueChoice(name=configured, default=True))
    return tuple(choices or [QueueChoice(name=configured, words=NONE, default=True)])


def room_words(queue: QueueInfo) -> str:
    """How much of a queue's own share is free; empty if the scheduler does not say."""
    room = room_in(queue)
    match room.use:
        case Use.UNKNOWN:
            return ""
        case Use.FREE:
            return f"{round(room.free * 100)} % free"
        case Use.USED_UP:
            return "its share is in use"
        case Use.BORROWING:
            return "its share is in use; it borrows what other queues leave"
        case Use.FULL:
            return "full"

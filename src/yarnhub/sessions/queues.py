"""The queues that a user can choose from, and their free capacity."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnhub.sessions.profiles import NAMELESS, Listed, Option
from yarnhub.yarn.queues.tree import is_named, leaves
from yarnhub.yarn.queues.usable import Room, Use, room_in, usable_queues

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from yarnhub.client.queues import ClusterQueues
    from yarnhub.sessions.profiles import Profile
    from yarnhub.yarn.records.cluster import QueueInfo

QUEUE = "queue"
"""The name of the option, and of the setting that it overrides."""


class OnlyConfigured(enum.Enum):
    """Why the configured queue is the only one offered."""

    NONE_USABLE = enum.auto()
    """The user may submit to no queue."""
    NO_ANSWER = enum.auto()
    """YARN does not respond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChoice:
    """A queue that a user can choose.

    Attributes:
        name: The name with which an application is submitted to it.
        default: Whether it is the configured queue.
        room: Its free capacity.
        why_only_configured: Why no other queue is offered; None if YARN has listed the queues.
    """

    name: str
    default: bool = False
    room: Room = field(default=Room(Use.UNKNOWN))
    why_only_configured: OnlyConfigured | None = None


async def queue_choices(
    queues: ClusterQueues, user: str, configured: str
) -> tuple[QueueChoice, ...]:
    """The queues to which a user may submit; never empty. Cancelling has no side effects.

    Args:
        queues: The cluster's queues.
        user: The user's name on the cluster.
        configured: The default, and the only one if YARN does not respond.
    """
    tree = await queues.tree()
    allowed = None if tree is None else await queues.allowed(user)
    if tree is None or allowed is None:
        return (
            QueueChoice(
                name=configured, default=True, why_only_configured=OnlyConfigured.NO_ANSWER
            ),
        )
    return offered(tree, allowed, configured)


def offered(root: QueueInfo, allowed: Collection[str], configured: str) -> tuple[QueueChoice, ...]:
    """The running leaf queues to which a user may submit, in the scheduler's order.

    Args:
        root: The root queue with its descendants, from `get_queues`.
        allowed: The names or paths of queues to which the user may submit.
        configured: The default. It is offered even if it is not a leaf: YARN creates users' queues
            below some queues, and its rules determine where an application is placed.
    """
    choices = []
    for name, each in usable_queues(root, allowed).items():
        default = is_named(each, (configured,))
        choices.append(
            QueueChoice(name=configured if default else name, default=default, room=room_in(each))
        )
    if not any(is_named(each, (configured,)) for each in leaves(root)):
        choices.insert(0, QueueChoice(name=configured, default=True))
    configured_only = QueueChoice(
        name=configured, default=True, why_only_configured=OnlyConfigured.NONE_USABLE
    )
    return tuple(choices or [configured_only])


def with_queues(
    profiles: Sequence[Profile],
    queues: Sequence[QueueChoice],
    label: Callable[[QueueChoice], str],
) -> tuple[Profile, ...]:
    """Add the choice of a queue to each profile that does not set one.

    Args:
        profiles: The profiles; if empty, a nameless one is added, with no other option.
        queues: The queues to offer.
        label: Returns the text for a queue.
    """
    profiles = profiles or [NAMELESS]
    if not queues:
        return tuple(profiles)
    option = Option(
        display_name="Queue",
        choices={
            each.name: Listed(
                display_name=label(each), default=each.default, yarn_override={QUEUE: each.name}
            )
            for each in queues
        },
    )
    return tuple(
        profile
        if QUEUE in profile.profile_options or any(QUEUE in each for _, each in profile.overrides)
        else replace(profile, profile_options={**profile.profile_options, QUEUE: option})
        for profile in profiles
    )

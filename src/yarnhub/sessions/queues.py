"""The queues that a user may choose, and how much room is in them."""

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
"""The option, and the setting that it overrides."""


class OnlyConfigured(enum.Enum):
    """Why the configured queue is the only one offered."""

    NONE_USABLE = enum.auto()
    """The user may submit to no queue."""
    NO_ANSWER = enum.auto()
    """YARN does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChoice:
    """A queue that a user may choose.

    Attributes:
        name: By which an application is submitted to it.
        default: Whether it is the configured one.
        room: How much room is in it.
        why_only_configured: Why no other one is offered; None if YARN has listed the queues.
    """

    name: str
    default: bool = False
    room: Room = field(default=Room(Use.UNKNOWN))
    why_only_configured: OnlyConfigured | None = None


async def queue_choices(
    queues: ClusterQueues, user: str, configured: str
) -> tuple[QueueChoice, ...]:
    """The queues that a user may submit to now; never empty. Cancelling leaves nothing behind.

    Args:
        queues: The cluster's.
        user: The cluster's name of the user.
        configured: The default; alone if YARN does not answer.
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
    """The leaf queues that run and that a user may submit to, in the scheduler's order.

    Args:
        root: The root queue with all below it, from `get_queues`.
        allowed: The names of queues that the user may submit to, be they paths or not.
        configured: The default. If there is no such leaf it is offered too: YARN makes queues for
            users below some, and only its rules know where they place an application.
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
    """Offer the queues too, in each profile that does not set its own.

    Args:
        profiles: Without any there is one of no name, which has no other option.
        queues: What to offer.
        label: What users read of each.
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

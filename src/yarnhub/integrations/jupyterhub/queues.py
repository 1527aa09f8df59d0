"""The queues that users of the hub may submit to, and how free they are."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Generic, TypeVar

from yarnhub.base.errors import YarnhubError
from yarnhub.client.client import Client
from yarnhub.integrations.jupyterhub.profiles import QueueChoice
from yarnhub.yarn.queues.tree import is_named, leaves
from yarnhub.yarn.queues.usable import Use, room_in, submission_acls, usable_queues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from yarnhub.client.settings import Settings
    from yarnhub.yarn.records.cluster import QueueInfo

_log = logging.getLogger(__name__)

T = TypeVar("T")

_FRESH = 5.0
"""Seconds that an answer is shown to others too."""
NONE = "YARN lets you submit to none"
UNKNOWN = "YARN does not say now which others there are"


class Queues:
    """Looks at the queues once for all users, and once for each at what that one may.

    Args:
        settings: Who the hub is; it acts for its users.
        deadline: Seconds for an answer: somebody waits for the page.
    """

    def __init__(self, settings: Settings, *, deadline: float = 5.0) -> None:
        self._settings = settings
        self._deadline = deadline
        self._tree = Look(self._ask_tree, deadline=deadline)
        self._allowed: dict[str, Look[frozenset[str]]] = {}

    async def of(self, user: str, configured: str) -> tuple[QueueChoice, ...]:
        """The queues that a user may submit to now; never empty.

        Cancelling leaves nothing behind, and somebody else asks in its place.

        Args:
            user: The cluster's name of the user.
            configured: The default; alone if YARN cannot be asked, with words that say so.
        """
        tree = await self._tree.get()
        allowed = None if tree is None else await self._allowed_to(user).get()
        if tree is None or allowed is None:
            return (QueueChoice(name=configured, words=UNKNOWN, default=True),)
        return offered(tree, allowed, configured)

    def _allowed_to(self, user: str) -> Look[frozenset[str]]:
        self._allowed = {
            name: look for name, look in self._allowed.items() if look.wanted or name == user
        }
        return self._allowed.setdefault(
            user, Look(lambda: self._ask_allowed(user), deadline=self._deadline)
        )

    async def _ask_tree(self) -> QueueInfo | None:
        async with Client(self._settings) as client:
            return await client.resource_manager.get_queues()

    async def _ask_allowed(self, user: str) -> frozenset[str]:
        async with Client(self._settings.acting_for(user)) as client:
            found = await client.resource_manager.get_queue_user_acls()
        return submission_acls(found)


class Look(Generic[T]):
    """An answer for as long as it is fresh; whoever comes while it is asked for waits for it."""

    def __init__(self, ask: Callable[[], Awaitable[T | None]], *, deadline: float) -> None:
        self._ask = ask
        self._deadline = deadline
        self._lock = asyncio.Lock()
        self._until = -math.inf
        self._answer: T | None = None

    @property
    def wanted(self) -> bool:
        """Whether it is fresh, or somebody waits for it."""
        return self._lock.locked() or asyncio.get_running_loop().time() < self._until

    async def get(self) -> T | None:
        """The answer; None if there is none, for as long."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if loop.time() >= self._until:
                try:
                    async with asyncio.timeout(self._deadline):
                        self._answer = await self._ask()
                except (YarnhubError, TimeoutError) as error:
                    _log.warning("the queues are not known: %s", error)
                    self._answer = None
                self._until = loop.time() + _FRESH
            return self._answer


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

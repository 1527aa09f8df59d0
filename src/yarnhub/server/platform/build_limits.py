"""How many builds users can have at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from yarnhub.environments.cluster_build.application import built_name
from yarnhub.server.hub.limit_groups import LimitGroups
from yarnhub.sessions.limited_kinds import BUILDS
from yarnhub.sessions.limits import Held, Limits, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from yarnhub.server.platform.viewers import Identity
    from yarnhub.sessions.shared_limits import SharedLimits
    from yarnhub.yarn.records.applications import ApplicationReport

_Build = tuple[str, str]
"""The user of the cluster, and the name of the environment, which has one build at a time."""


class BuildLimits:
    """Accepts builds within the limits that administrators have set.

    Args:
        limits: The limits.
        groups: Returns the groups of a user at the hub.
    """

    def __init__(
        self, limits: SharedLimits, groups: Callable[[str], Awaitable[frozenset[str]]]
    ) -> None:
        self._limits = limits
        self._groups = LimitGroups(groups)
        self._starting = Counter[_Build]()
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def accepted(
        self,
        identity: Identity,
        name: str,
        listed: Callable[[], Awaitable[Iterable[ApplicationReport]]],
    ) -> AsyncIterator[None]:
        """Accept the start of a build, which counts from the beginning of the block.

        At its end, YARN has accepted the build, or there is none.

        Args:
            identity: The user.
            name: The name of the environment.
            listed: Lists the builds of all users on YARN.

        Raises:
            LimitReachedError: A limit would be exceeded.
            YarnhubError: What is held is not known.
        """
        build = (identity.viewer.name, name)
        async with self._turn:  # of two builds at once, the second counts the first
            await self._check(identity, listed)
            self._starting[build] += 1
        try:
            yield
        finally:
            self._starting -= Counter((build,))

    async def _check(
        self, identity: Identity, listed: Callable[[], Awaitable[Iterable[ApplicationReport]]]
    ) -> None:
        limits = self._limits.over(Limits(kind=BUILDS))
        if limits == Limits(kind=BUILDS):
            return
        begun = set(self._starting)  # YARN may accept them while it makes the list
        running = {
            (each.user, built_name(each.application_tags) or "")
            for each in await listed()
            if not each.yarn_application_state.ended
        }
        count = Counter(user for user, _ in begun | running)
        held = [
            Held(
                owner=_owner(user, identity),
                groups=await self._groups_of(_owner(user, identity), limits),
                size=Size(count=number),
            )
            for user, number in count.items()
        ]
        groups = await self._groups_of(identity.name, limits)
        limits.check(held, identity.name, groups, Size())

    async def _groups_of(self, owner: str, limits: Limits) -> frozenset[str]:
        return await self._groups.of(owner) if limits.groups else frozenset()


def _owner(user: str, identity: Identity) -> str:
    """The name at the hub of a user of the cluster: of others, it is taken to be the same."""
    return identity.name if user == identity.viewer.name else user

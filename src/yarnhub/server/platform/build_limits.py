"""How many builds users can have at the same time."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from yarnhub.environments.cluster_build.application import built_name
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
        self._groups = groups
        self._starting = Counter[_Build]()

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
        limits = self._limits.over(Limits(kind=BUILDS))
        if limits != Limits(kind=BUILDS):
            # One that begins before the list is made and ends before it arrives counts, too.
            begun = set(self._starting)
            running = {
                (each.user, built_name(each.application_tags) or "")
                for each in await listed()
                if not each.yarn_application_state.ended
            }
            owners = {
                user: identity.name if user == identity.viewer.name else user
                for user in {identity.viewer.name, *(user for user, _ in running | begun)}
            }
            groups = {
                owner: await self._groups(owner) if limits.groups else frozenset[str]()
                for owner in owners.values()
            }
            # Nothing is awaited from here on: of two builds at once, the second counts the first.
            count = Counter(user for user, _ in running | begun | set(self._starting))
            held = [
                Held(
                    owner=owners.get(user, user),
                    groups=groups.get(owners.get(user, user), frozenset()),
                    size=Size(count=number),
                )
                for user, number in count.items()
            ]
            limits.check(held, identity.name, groups[identity.name], Size())
        build = (identity.viewer.name, name)
        self._starting[build] += 1
        try:
            yield
        finally:
            self._starting -= Counter((build,))

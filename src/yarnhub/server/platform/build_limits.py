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
        build = (identity.viewer.name, name)
        limits = self._limits.over(Limits(kind=BUILDS))
        if limits != Limits(kind=BUILDS):
            # Those that YARN accepts while it makes the list may be missing in it.
            begun = set(self._starting)
            running = {
                (each.user, built_name(each.application_tags) or "")
                for each in await listed()
                if not each.yarn_application_state.ended
            }
            users = {user for user, _ in {build} | begun | running}
            groups = {user: await self._groups_of(user, identity, limits) for user in users}
            # Nothing is awaited from here on: of two builds at once, the second counts the first.
            held = [
                Held(
                    owner=_owner(user, identity),
                    groups=groups.get(user, frozenset()),
                    size=Size(count=number),
                )
                for user, number in Counter(
                    user for user, _ in begun | running | set(self._starting)
                ).items()
            ]
            limits.check(held, identity.name, groups[identity.viewer.name], Size())
        self._starting[build] += 1
        try:
            yield
        finally:
            self._starting -= Counter((build,))

    async def _groups_of(self, user: str, identity: Identity, limits: Limits) -> frozenset[str]:
        return await self._groups(_owner(user, identity)) if limits.groups else frozenset()


def _owner(user: str, identity: Identity) -> str:
    """The name at the hub of a user of the cluster: of others, it is taken to be the same."""
    return identity.name if user == identity.viewer.name else user

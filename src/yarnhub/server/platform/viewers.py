"""Who a request is from: the owner of a token of JupyterHub, or of a Kerberos ticket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.server.hub.login import FRESH, MAX_KEPT, token_of
from yarnhub.server.hub.lookup_cache import LookupCache
from yarnhub.sessions.users import check_user
from yarnhub.watch.visibility import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from yarnhub.server.hub.login import HubLogin


class UnknownUserError(YarnhubError):
    """The owner of a ticket is not a user of the hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The user of a request.

    Attributes:
        name: At the hub.
        viewer: On the cluster, with the groups at the hub if a setting needs them.
        token: The token of the hub in the request; empty if it has a ticket instead.
    """

    name: str
    viewer: Viewer
    token: str = field(repr=False)


class Viewers:
    """Looks up users by what their requests prove.

    Args:
        hub: The hub.
        cluster_user: Returns the cluster's name of a user of the hub; it may ask a directory.
        denied: Users of the cluster who cannot use the service.
        with_groups: Whether groups are needed.
    """

    def __init__(
        self,
        hub: HubLogin,
        *,
        cluster_user: Callable[[str], str],
        denied: Collection[str],
        with_groups: bool,
    ) -> None:
        self._hub = hub
        self._cluster_users = LookupCache(
            lambda name: asyncio.to_thread(cluster_user, name), fresh=FRESH, most=MAX_KEPT
        )
        self._denied = denied
        self._with_groups = with_groups

    async def of(self, authorization: str) -> Identity | None:
        """The user of a request; None if its token is missing or not valid for this service.

        Args:
            authorization: The header `Authorization`.

        Raises:
            HubUnavailableError: It is not known.
            DeniedUserError: The user cannot use the service.
            InvalidUserError: The name is not valid for a user of the cluster.
        """
        token = token_of(authorization)
        return None if token is None else await self._of_token(token)

    async def of_ticket(self, name: str) -> Identity:
        """The user of the hub with the same name at the hub and on the cluster.

        Args:
            name: The name on the cluster of a ticket's owner.

        Raises:
            UnknownUserError: There is no such user.
            HubUnavailableError: It is not known.
            DeniedUserError: The user cannot use the service.
            InvalidUserError: The name is not valid for a user of the cluster.
        """
        check_user(name, self._denied)
        if not await self._hub.knows(name):
            raise UnknownUserError(f"{name} is not a user of JupyterHub")
        identity = await self._identity(name, token="")
        if identity.viewer.name != name:
            raise UnknownUserError(f"{name} of JupyterHub has another name on the cluster")
        return identity

    async def groups(self, name: str) -> frozenset[str]:
        """The groups of a user at the hub.

        Raises:
            HubUnavailableError: They are not known.
        """
        return await self._hub.groups(name)

    async def is_unknown(self, name: str) -> bool:
        """Whether the hub has no such user; False if that is not known."""
        try:
            return await self._hub.is_unknown(name)
        except HubUnavailableError:
            return False

    async def are_still(self, identity: Identity) -> bool:
        """Whether a user still has access, with the same rights; False if that is not known.

        A ticket is checked only when a request begins: it cannot be used twice.
        """
        look_up = (
            self._of_token(identity.token) if identity.token else self.of_ticket(identity.name)
        )
        try:
            return await look_up == identity
        except YarnhubError:
            return False  # the next request of the client has an answer

    async def _of_token(self, token: str) -> Identity | None:
        name = await self._hub.user(token)
        return None if name is None else await self._identity(name, token)

    async def _identity(self, name: str, token: str) -> Identity:
        cluster_user = await self._cluster_users.get(name)
        check_user(cluster_user, self._denied)
        groups = await self._hub.groups(name) if self._with_groups else frozenset()
        return Identity(name=name, viewer=Viewer(cluster_user, groups), token=token)

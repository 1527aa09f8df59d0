"""Who a token of JupyterHub belongs to, and which user of the cluster that is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.sessions.users import DeniedUserError, InvalidUserError, check_user

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from yarnhub.server.hub.login import HubLogin, TokenOwner

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user.

    Attributes:
        name: At the hub.
        cluster_user: Whom Dask clusters belong to, and run as.
        groups: The user's groups at the hub, if the token may read them.
        admin: Whether the token may tell that the user is an administrator.
    """

    name: str
    cluster_user: str
    groups: tuple[str, ...] = ()
    admin: bool = False


class HubIdentities:
    """Looks up users by tokens.

    Args:
        login: Looks up who tokens belong to.
        scopes: A token has to have one of them.
        cluster_user: The cluster's name of a user of the hub.
        denied: Users of the cluster who cannot have Dask clusters.
    """

    def __init__(
        self,
        login: HubLogin,
        scopes: Collection[str],
        cluster_user: Callable[[str], str],
        denied: Collection[str],
    ) -> None:
        self._login = login
        self._scopes = scopes
        self._cluster_user = cluster_user
        self._denied = denied

    async def of_token(self, token: str) -> Identity | None:
        """The user of a token; None if the hub does not accept it.

        Raises:
            HTTPForbidden: The token, or the user, has no access to this service.
            HTTPServiceUnavailable: The hub does not respond.
        """
        try:
            owner = await self._login.owner(token)
        except HubUnavailableError as error:
            _log.warning("a token could not be checked: %s", error)
            reason = "JupyterHub could not check the token. Try again later."
            raise web.HTTPServiceUnavailable(reason=reason) from error
        return None if owner is None else self._allowed(owner)

    def _allowed(self, owner: TokenOwner) -> Identity:
        """The owner of a token, if it has access."""
        if not owner.is_user:
            raise web.HTTPForbidden(reason="Only users of JupyterHub can have Dask clusters.")
        if not owner.has_access:
            needed = " or ".join(sorted(self._scopes))
            raise web.HTTPForbidden(reason=f"The token does not have the scope {needed}.")
        cluster_user = self._cluster_user(owner.name)
        try:
            check_user(cluster_user, self._denied)
        except (DeniedUserError, InvalidUserError) as error:
            _log.warning("%s is refused: %s", clean_and_cut(owner.name, lines=False), error)
            raise web.HTTPForbidden(
                reason="Dask clusters are not started for this user of the cluster."
            ) from error
        return Identity(
            name=owner.name,
            cluster_user=cluster_user,
            groups=owner.groups,
            admin=owner.is_administrator,
        )

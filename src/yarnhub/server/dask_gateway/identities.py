"""Who a token of JupyterHub belongs to, and which user of the cluster that is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from tornado.web import HTTPError

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import DeadlineExceededError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.sessions.users import DeniedUserError, InvalidUserError, check_user

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

FRESH = 30
"""Seconds for which the hub's answer is used: a revoked token works for so long."""
_DEADLINE = 10.0
"""Seconds for the hub to respond."""
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
        hub: JupyterHub's `HubAuth`, which keeps answers for `FRESH` seconds.
        cluster_user: The cluster's name of a user of the hub.
        denied: Users of the cluster who cannot have Dask clusters.
    """

    def __init__(
        self,
        hub: Any,  # JupyterHub has no types
        cluster_user: Callable[[str], str],
        denied: Collection[str],
    ) -> None:
        self._hub = hub
        self._cluster_user = cluster_user
        self._denied = denied

    async def of_token(self, token: str, session: str = "") -> Identity | None:
        """The user of a token; None if the hub does not accept it.

        Args:
            token: The token.
            session: The browser's session at the hub.

        Raises:
            HTTPForbidden: The token, or the user, has no access to this service.
            HTTPServiceUnavailable: The hub does not respond.
        """
        try:
            async with Deadline(_DEADLINE, f"no response within {_DEADLINE:g} s"):
                model = await self._hub.user_for_token(token, session_id=session, sync=False)
        except (HTTPError, DeadlineExceededError) as error:
            _log.warning("a token could not be checked: %s", error)
            reason = "JupyterHub could not check the token. Try again later."
            raise web.HTTPServiceUnavailable(reason=reason) from error
        return None if model is None else self._allowed(model)

    def _allowed(self, model: dict[str, Any]) -> Identity:
        """The user of the hub's answer, if it has access."""
        name = str(model.get("name"))
        who = clean_and_cut(name, lines=False)
        if model.get("kind") != "user":
            raise web.HTTPForbidden(reason="Only users of JupyterHub can have Dask clusters.")
        if not self._hub.check_scopes(self._hub.access_scopes, model):
            needed = " or ".join(sorted(self._hub.access_scopes))
            _log.warning("a token of %s does not have the scope %s", who, needed)
            raise web.HTTPForbidden(reason=f"The token does not have the scope {needed}.")
        cluster_user = self._cluster_user(name)
        try:
            check_user(cluster_user, self._denied)
        except (DeniedUserError, InvalidUserError) as error:
            _log.warning("%s is refused: %s", who, error)
            raise web.HTTPForbidden(
                reason="Dask clusters are not started for this user of the cluster."
            ) from error
        return Identity(
            name=name,
            cluster_user=cluster_user,
            groups=tuple(map(str, model.get("groups") or ())),
            admin=bool(model.get("admin")),
        )

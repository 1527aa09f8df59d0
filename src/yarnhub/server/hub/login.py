"""Users who prove who they are by tokens of JupyterHub: asked of the hub's REST API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.hub.api import HubApi, HubUnavailableError, path_segment, read_model
from yarnhub.server.hub.lookup_cache import LookupCache

if TYPE_CHECKING:
    import httpx

    from yarnhub.server.hub.api import HubAddress

_log = logging.getLogger(__name__)

FRESH = 30.0
"""Seconds for which an answer is used: a revoked token works for so long."""
MAX_KEPT = 2000
"""Answers that are kept."""
_REFUSED = frozenset({401, 403, 404})
"""The hub's answers to a token that is not valid."""


class HubLogin:
    """Users prove who they are by tokens of JupyterHub.

    Args:
        hub: The hub.
        client: For requests to it; the caller closes it.
        fresh: Seconds for which an answer is used.
    """

    def __init__(self, hub: HubAddress, client: httpx.AsyncClient, fresh: float = FRESH) -> None:
        from jupyterhub.services.auth import check_scopes  # takes seconds: not in a request

        self._check_scopes = check_scopes
        self._hub = hub
        self._api = HubApi(hub, client)
        self._users = LookupCache(self._look_up, fresh=fresh, most=MAX_KEPT)
        self._groups = LookupCache(self._look_up_groups, fresh=fresh, most=MAX_KEPT)

    async def user(self, token: str) -> str | None:
        """The name of a token's user; None if the token is not valid for this service.

        Raises:
            HubUnavailableError: It is not known.
        """
        return await self._users.get(token)

    async def groups(self, name: str) -> frozenset[str]:
        """The groups of a user; none if the hub has no such user.

        Raises:
            HubUnavailableError: They are not known.
        """
        return await self._groups.get(name)

    async def _look_up(self, token: str) -> str | None:
        model = await self._request("/user", token)
        if model is None or model.get("kind") != "user":
            return None
        name, scopes = model.get("name"), model.get("scopes")
        if not isinstance(name, str) or not isinstance(scopes, list):
            return None
        if not self._check_scopes(set(self._hub.scopes), set(scopes)):
            who = clean_and_cut(name, lines=False)
            needed = ", ".join(sorted(self._hub.scopes))
            _log.warning("a token of %s has none of the scopes %s", who, needed)
            return None
        return name

    async def _look_up_groups(self, name: str) -> frozenset[str]:
        path = f"/users/{path_segment(name)}"
        model = await self._request(path, self._hub.api_token, absent=frozenset({404}))
        groups = [] if model is None else model.get("groups")
        if not isinstance(groups, list):
            raise HubUnavailableError(
                "Groups could not be determined: the service needs the scope read:users:groups"
            )
        return frozenset(map(str, groups))

    async def _request(
        self, path: str, token: str, absent: frozenset[int] = _REFUSED
    ) -> dict[str, Any] | None:  # Any: JSON
        """The answer to a request with a token; None if its status says that there is none."""
        answer = await self._api.send("GET", path, token)
        return None if answer.status_code in absent else read_model(answer)

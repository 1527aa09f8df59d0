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
_FORBIDDEN, _NO_SUCH_USER = 403, 404
_REFUSED = frozenset({401, 403, 404})
"""The hub's answers to a token that is not valid."""


class MissingScopeError(HubUnavailableError):
    """The service's own token does not have a scope that a request to the hub needs."""

    retriable = False


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
            MissingScopeError: The service may not read them.
            HubUnavailableError: They are not known.
        """
        found = await self._groups.get(name)
        if found is None:
            raise MissingScopeError(
                "Groups could not be determined: the service needs the scopes read:users:name and "
                "read:users:groups"
            )
        return found

    async def is_unknown(self, name: str) -> bool:
        """Whether the hub has no such user; False if the service may not know.

        Raises:
            HubUnavailableError: It is not known.
        """
        answer = await self._api.send("GET", f"/users/{path_segment(name)}", self._hub.api_token)
        return answer.status_code == _NO_SUCH_USER

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

    async def _look_up_groups(self, name: str) -> frozenset[str] | None:
        """The groups of a user; None if the service may not read them."""
        path = f"/users/{path_segment(name)}"
        answer = await self._api.send("GET", path, self._hub.api_token)
        if answer.status_code == _NO_SUCH_USER:
            return frozenset()
        if answer.status_code == _FORBIDDEN:
            return None
        groups = read_model(answer).get("groups")
        return frozenset(map(str, groups)) if isinstance(groups, list) else None

    async def _request(self, path: str, token: str) -> dict[str, Any] | None:  # Any: JSON
        """The answer to a request with a token; None if the token is not valid."""
        answer = await self._api.send("GET", path, token)
        return None if answer.status_code in _REFUSED else read_model(answer)

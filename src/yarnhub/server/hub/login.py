"""Users who prove who they are by tokens of JupyterHub: asked of the hub's REST API."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
_TOKEN = re.compile(r"(?:bearer|token|jupyterhub) +([!-~]{1,1000})", re.IGNORECASE)
"""`jupyterhub` is what clients of dask-gateway send."""
_FORBIDDEN, _NO_SUCH_USER = 403, 404
_REFUSED = frozenset({401, 403, 404})
"""The hub's answers to a token that is not valid."""


def token_of(authorization: str) -> str | None:
    """The token in a header `Authorization`; None if there is none."""
    found = _TOKEN.fullmatch(authorization.strip())
    return None if found is None else found[1]


class MissingScopeError(HubUnavailableError):
    """The service's own token does not have a scope that a request to the hub needs."""

    retriable = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """Who a token of the hub belongs to.

    Attributes:
        name: At the hub.
        is_user: Whether it is a user, and not a service.
        has_access: Whether the token has one of the scopes of this service.
        groups: The user's groups, if the token may read them.
        is_administrator: Whether the token may tell that the user is an administrator of the hub.
    """

    name: str
    is_user: bool
    has_access: bool
    groups: tuple[str, ...] = ()
    is_administrator: bool = False


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
        self._owners = LookupCache(self._look_up, fresh=fresh, most=MAX_KEPT)
        self._groups = LookupCache(self._look_up_groups, fresh=fresh, most=MAX_KEPT)
        self._known = LookupCache(self._look_up_name, fresh=fresh, most=MAX_KEPT)

    async def user(self, token: str) -> str | None:
        """The name of a token's user; None if the token is not valid for this service.

        Raises:
            HubUnavailableError: It is not known.
        """
        found = await self.owner(token)
        return found.name if found and found.is_user and found.has_access else None

    async def owner(self, token: str) -> TokenOwner | None:
        """Who a token belongs to; None if the hub does not accept it.

        Raises:
            HubUnavailableError: It is not known.
        """
        return await self._owners.get(token)

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
        return await self._look_up_name(name) is False

    async def knows(self, name: str) -> bool:
        """Whether the hub has a user with this name, as it was some seconds ago.

        Raises:
            MissingScopeError: The service may not know.
            HubUnavailableError: It is not known.
        """
        found = await self._known.get(name)
        if found is None:
            raise MissingScopeError(
                "Users could not be looked up: the service needs the scope read:users:name"
            )
        return found

    async def _look_up(self, token: str) -> TokenOwner | None:
        answer = await self._api.send("GET", "/user", token)
        model = {} if answer.status_code in _REFUSED else read_model(answer)
        name, scopes, groups = model.get("name"), model.get("scopes"), model.get("groups")
        if not isinstance(name, str) or not isinstance(scopes, list):
            return None
        is_user = model.get("kind") == "user"
        has_access = bool(self._check_scopes(set(self._hub.scopes), set(scopes)))
        if is_user and not has_access:
            who = clean_and_cut(name, lines=False)
            needed = ", ".join(sorted(self._hub.scopes))
            _log.warning("a token of %s has none of the scopes %s", who, needed)
        return TokenOwner(
            name=name,
            is_user=is_user,
            has_access=has_access,
            groups=tuple(map(str, groups)) if isinstance(groups, list) else (),
            is_administrator=model.get("admin") is True,
        )

    async def _look_up_groups(self, name: str) -> frozenset[str] | None:
        """The groups of a user; None if the service may not read them."""
        answer = await self._user(name)
        if answer.status_code == _NO_SUCH_USER:
            return frozenset()
        if answer.status_code == _FORBIDDEN:
            return None
        groups = read_model(answer).get("groups")
        return frozenset(map(str, groups)) if isinstance(groups, list) else None

    async def _look_up_name(self, name: str) -> bool | None:
        """Whether the hub has a user with this name; None if the service may not know."""
        answer = await self._user(name)
        if answer.status_code == _NO_SUCH_USER:
            return False
        return None if answer.status_code == _FORBIDDEN else read_model(answer).get("name") == name

    async def _user(self, name: str) -> httpx.Response:
        return await self._api.send("GET", f"/users/{path_segment(name)}", self._hub.api_token)

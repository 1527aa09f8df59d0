"""Who a request is from: a token of JupyterHub or a Kerberos ticket, and nothing else."""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import pwd
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_server.auth.identity import IdentityProvider, User
from tornado import web

from yarnhub.integrations.tornado_login import KerberosAuthMixin
from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.server.hub.limit_groups import LimitGroups
from yarnhub.server.hub.login import FRESH, MAX_KEPT, token_of
from yarnhub.server.hub.lookup_cache import LookupCache
from yarnhub.sessions.users import DeniedUserError, InvalidUserError, check_user

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from yarnhub.server.hub.login import HubLogin

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The user of a request.

    Attributes:
        name: At the hub, or the short name of the Kerberos principal.
        cluster_user: Who kernels run as.
        groups: The user's groups; empty if no audience of kernelspecs has groups.
        token: The hub's token that has proven it; empty for Kerberos.
    """

    name: str
    cluster_user: str
    groups: frozenset[str] = frozenset()
    token: str = field(default="", repr=False)


class SystemGroups:
    """The groups that the operating system has for a user."""

    def __init__(self, fresh: float = FRESH) -> None:
        self._recent = LookupCache(self._look_up, fresh=fresh, most=MAX_KEPT)

    async def of(self, name: str) -> frozenset[str]:
        """The groups of a user; none if the system has no such user."""
        return await self._recent.get(name)

    async def _look_up(self, name: str) -> frozenset[str]:
        return await asyncio.to_thread(self._read, name)  # it may ask a directory on the network

    def _read(self, name: str) -> frozenset[str]:
        try:
            numbers = os.getgrouplist(name, pwd.getpwnam(name).pw_gid)
        except (KeyError, OSError):
            return frozenset()
        return frozenset(filter(None, map(_group_name, numbers)))


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return ""


class GatewayIdentityProvider(IdentityProvider):
    """Tells jupyter_server's handlers who a request is from.

    Args:
        hub: The hub, if users have its tokens.
        kerberos: Whether users have Kerberos tickets: `tornado_login.init_kerberos` was called.
        cluster_user: The cluster's name of a user.
        denied: Users of the cluster for whom no kernel is started.
        with_groups: Whether each request needs the groups of its user.
    """

    def __init__(
        self,
        hub: HubLogin | None,
        *,
        kerberos: bool,
        cluster_user: Callable[[str], str],
        denied: Collection[str],
        with_groups: bool,
        **kwargs: Any,  # traitlets' own
    ) -> None:
        super().__init__(token="", **kwargs)
        self._hub = hub
        self._kerberos = kerberos
        self._cluster_user = cluster_user
        self._denied = denied
        self._with_groups = with_groups
        self._system = SystemGroups()
        self.limit_groups = LimitGroups(self.groups)
        """For limits of groups that are not in the configuration."""

    async def get_user(self, handler: Any) -> Any:
        """The user of a request, None if there is no valid proof; sets `handler.identity`."""
        try:
            identity = await self._identity(handler)
        except HubUnavailableError as error:
            _log.warning("%s", error)
            # JupyterLab asks again after 503, while other codes end a kernel for it.
            raise web.HTTPError(503, str(error)) from error
        except (DeniedUserError, InvalidUserError) as error:
            raise web.HTTPError(403, f"No kernels for this user: {error}") from error
        if identity is None:
            return None
        handler.identity = identity
        return User(username=identity.name)

    async def _identity(self, handler: Any) -> Identity | None:
        token = token_of(handler.request.headers.get("Authorization", ""))
        name: str | None = None
        if self._hub is not None and token is not None:
            name = await self._hub.user(token)
        elif self._kerberos:
            name = KerberosAuthMixin.get_current_user_kerberos(handler)
        if name is None:
            return None
        cluster_user = self._cluster_user(name)
        check_user(cluster_user, self._denied)
        return Identity(
            name=name,
            cluster_user=cluster_user,
            groups=await self.groups(name) if self._with_groups else frozenset(),
            token=token or "",
        )

    async def groups(self, name: str) -> frozenset[str]:
        """The groups of a user.

        Raises:
            HubUnavailableError: They are not known.
        """
        return await (self._system.of(name) if self._hub is None else self._hub.groups(name))

    async def is_valid(self, identity: Identity) -> bool:
        """Whether an identity is still proven; also if that is not known.

        A Kerberos ticket is only checked when a connection is opened.
        """
        if self._hub is None or not identity.token:
            return True
        try:
            return await self._hub.user(identity.token) == identity.name
        except HubUnavailableError:
            return True

    def is_token_authenticated(self, handler: Any) -> bool:
        """Whether the request has a token, which browsers do not send by themselves."""
        identity = getattr(handler, "identity", None)
        return identity is not None and bool(identity.token)

    def get_handlers(self) -> list[tuple[str, object]]:
        """None: nobody logs in here."""
        return []

    @property
    def login_available(self) -> bool:
        """Whether there is a page to log in."""
        return False

    @property
    def logout_available(self) -> bool:
        """Whether there is a page to log out."""
        return False


def is_cross_site(handler: Any) -> bool:
    """Whether a browser sends a request for a page of another site.

    Browsers prove a Kerberos identity without being asked by the user, for any page.
    """
    headers = handler.request.headers
    if headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return True
    origin = headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("Host")

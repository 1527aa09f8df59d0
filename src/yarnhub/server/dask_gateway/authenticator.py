"""How programs of JupyterHub's users prove who they are to dask-gateway: by tokens of the hub."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aiohttp import web
from dask_gateway_server.auth import Authenticator
from dask_gateway_server.models import User
from traitlets import Any as AnyTrait
from traitlets import Set, Unicode

from yarnhub.base.errors import ConfigurationError
from yarnhub.server.dask_gateway.identities import HubIdentities
from yarnhub.server.hub.environment import read_hub_environment
from yarnhub.server.hub.login import HubLogin, token_of
from yarnhub.sessions.users import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from yarnhub.server.hub.environment import HubEnvironment

_REASON = "yarnhub.reason"
"""The item of a request with the reason of a refusal."""


class HubAuthenticator(Authenticator):
    """Tokens of JupyterHub, as dask-gateway's clients send them with `auth="jupyterhub"`."""

    cluster_user: Any = AnyTrait(  # Any: traitlets has no type for a callable
        None,
        allow_none=True,
        config=True,
        help="""A function that is called with a user's name at the hub and returns the name on the
        cluster: the same as `c.YarnSpawner.cluster_user`. By default, both are the same.""",
    )

    denied_users = Set(
        Unicode(),
        default_value=SERVICE_ACCOUNTS,
        config=True,
        help="Users of the cluster who cannot have Dask clusters; case-insensitive.",
    )

    def __init__(self, **settings: Any) -> None:  # Any: traitlets' own
        super().__init__(**settings)
        self.hub = read_hub(os.environ)  # noqa: TID251  # the service's configuration
        self.to_hub = self.hub.client()
        self.identities = HubIdentities(
            HubLogin(self.hub.hub, self.to_hub),
            self.hub.hub.scopes,
            self.cluster_user or str,
            self.denied_users,
        )

    async def setup(self, app: web.Application) -> None:
        """See `Authenticator.setup`."""
        app.middlewares.append(_tell_why)

    async def cleanup(self) -> None:
        """See `Authenticator.cleanup`."""
        await self.to_hub.aclose()

    async def authenticate_and_handle(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """See `Authenticator.authenticate_and_handle`; without its cookies.

        A cookie would have the rights of another token of the same user of the cluster, and it
        would be valid for some time after that token. The hub's answers are kept anyway.
        """
        request["user"] = await self.authenticate(request)
        return await handler(request)

    async def authenticate(self, request: web.Request) -> User:
        """See `Authenticator.authenticate`.

        Raises:
            HTTPUnauthorized: There is no valid token.
            HTTPForbidden: The token, or the user, has no access.
            HTTPServiceUnavailable: The hub does not respond.
        """
        try:
            token = token_of(request.headers.get("Authorization", ""))
            identity = None if token is None else await self.identities.of_token(token)
            if identity is None:
                raise web.HTTPUnauthorized(
                    headers={"WWW-Authenticate": "jupyterhub"},
                    reason="A valid token of JupyterHub is required.",
                )
        except web.HTTPException as error:
            request[_REASON] = error.reason
            raise
        return User(identity.cluster_user, groups=list(identity.groups), admin=identity.admin)


def read_hub(variables: Mapping[str, str]) -> HubEnvironment:
    """The hub of the service.

    Args:
        variables: The variables of the service's process.

    Raises:
        ConfigurationError: It is not a service of a hub.
    """
    environment = read_hub_environment(variables)
    if environment is None or not environment.prefix:
        raise ConfigurationError(
            "set JUPYTERHUB_API_URL, JUPYTERHUB_API_TOKEN and JUPYTERHUB_SERVICE_PREFIX: this "
            "command is a service of JupyterHub"
        )
    return environment


@web.middleware
async def _tell_why(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Put the reason into the status line, which is what clients of dask-gateway show."""
    response = await handler(request)
    if _REASON in request:
        response.set_status(response.status, request[_REASON])
    return response

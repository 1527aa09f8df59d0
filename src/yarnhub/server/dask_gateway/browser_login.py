"""The login of browsers: by JupyterHub's OAuth, and a cookie that only this service can read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.server.hub.login import token_of
from yarnhub.server.hub.oauth import LOGGED_IN, LOGIN, LoginRefusedError

if TYPE_CHECKING:
    from yarnhub.server.dask_gateway.identities import HubIdentities, Identity
    from yarnhub.server.hub.oauth import HubOAuth

COOKIE = "yarnhub-dask-gateway"
"""The name of the cookie of browsers that are logged in."""


class BrowserLogin:
    """Tells who a browser's request is from, and sends those who are not logged in to the hub.

    A browser's token of the hub is in its cookie, so that its dashboards continue when the service
    is restarted.

    Args:
        oauth: Logs users in.
        identities: Looks up users.
        key: Encrypts cookies.
    """

    def __init__(self, oauth: HubOAuth, identities: HubIdentities, key: str) -> None:
        self._oauth = oauth
        self._identities = identities
        self._fernet = Fernet(key)

    async def identity(self, request: web.Request) -> Identity:
        """The user of a request.

        Raises:
            HTTPFound: Nobody is logged in, and this is a page: to the hub's login.
            HTTPForbidden: Nobody is logged in, or the user has no access, or the request is from
                another site's page.
            HTTPServiceUnavailable: The hub does not respond.
        """
        identity = None
        token = token_of(request.headers.get("Authorization", ""))
        if token is not None:
            identity = await self._identities.of_token(token)
        elif not is_own_page(request):
            raise web.HTTPForbidden(reason="Requests from pages of other sites are refused.")
        else:
            token = self._cookie(request)
            if token is not None:
                identity = await self._identities.of_token(token)
            if identity is None and is_navigation(request):
                raise self._to_login(request)
        if identity is None:
            raise web.HTTPForbidden(reason="Log in to JupyterHub first.")
        return identity

    async def finish(self, request: web.Request) -> web.Response:
        """The page to which the hub sends a browser after the login.

        Raises:
            HTTPFound: To the page that the browser wanted.
            HTTPForbidden: This browser has not begun the login, or has done so long ago, or the
                user has no access.
            HTTPServiceUnavailable: The hub does not respond.
        """
        query = request.query
        try:
            login = await self._oauth.finish(
                query.get("code", ""), query.get("state", ""), request.cookies
            )
        except LoginRefusedError as error:
            raise web.HTTPForbidden(reason=str(error)) from error
        except HubUnavailableError as error:
            raise web.HTTPServiceUnavailable(
                reason="JupyterHub could not finish the login. Try again."
            ) from error
        if await self._identities.of_token(login.token) is None:
            raise web.HTTPForbidden(reason="JupyterHub does not accept its own login. Try again.")
        options = self._oauth.cookie_options(request.headers)
        encrypted = self._fernet.encrypt(login.token.encode()).decode()
        response = web.HTTPFound(login.page)
        response.del_cookie(login.cookie, **options)
        response.set_cookie(COOKIE, encrypted, max_age=LOGGED_IN, **options)
        raise response

    def _to_login(self, request: web.Request) -> web.HTTPFound:
        begun = self._oauth.begin(request.rel_url.raw_path_qs, request.cookies)
        options = self._oauth.cookie_options(request.headers)
        response = web.HTTPFound(begun.url)
        response.set_cookie(begun.cookie, begun.value, max_age=LOGIN, **options)
        return response

    def _cookie(self, request: web.Request) -> str | None:
        """The token in a browser's cookie; None if there is none, or one that is too old."""
        try:
            return self._fernet.decrypt(request.cookies.get(COOKIE, ""), ttl=LOGGED_IN).decode()
        except (InvalidToken, ValueError):  # not ASCII
            return None


def is_own_page(request: web.Request) -> bool:
    """Whether a browser sends a request for the user, or for a page of this site.

    Scripts of other users' servers, which are pages of the same site unless the hub has a domain
    for each, are refused as JupyterHub refuses them: `fetch` needs a token.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return urlsplit(request.headers.get("Origin", "")).netloc == request.headers.get("Host")
    if is_navigation(request):
        top = request.headers.get("Sec-Fetch-Dest", "document") == "document"
        return top or site in {"none", "same-origin"}
    mode = request.headers.get("Sec-Fetch-Mode", "no-cors")
    return mode == "no-cors" and site in {"none", "same-origin"}


def is_navigation(request: web.Request) -> bool:
    """Whether a browser opens a page."""
    upgrade = "Upgrade" in request.headers
    return not upgrade and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"

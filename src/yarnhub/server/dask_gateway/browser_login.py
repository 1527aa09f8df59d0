"""The login of browsers: by JupyterHub's OAuth, and a cookie that only this service can read."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken
from tornado.web import HTTPError

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import DeadlineExceededError
from yarnhub.server.dask_gateway.authenticator import token_of

if TYPE_CHECKING:
    from yarnhub.server.dask_gateway.identities import HubIdentities, Identity

_LASTS = 14 * 24 * 3600
"""Seconds for which a cookie is accepted, as JupyterHub's own; its token may end earlier."""
_LOGIN = 600
"""Seconds for a login."""
_MAX_PAGE = 2000
_DEADLINE = 10.0
"""Seconds for the hub to respond."""


class BrowserLogin:
    """Tells who a browser's request is from, and sends those who are not logged in to the hub.

    What is known about a login that has begun is in the browser's cookie, and not here, so that a
    restart of the service interrupts none, and requests without a login cost no memory.

    Args:
        hub: JupyterHub's `HubOAuth`.
        identities: Looks up users.
        key: Encrypts cookies.
    """

    def __init__(self, hub: Any, identities: HubIdentities, key: str) -> None:  # no types
        self._hub = hub
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
        token = token_of(request)
        if token is not None:
            identity = await self._identities.of_token(token)
        elif not is_own_page(request):
            raise web.HTTPForbidden(reason="Requests from pages of other sites are refused.")
        else:
            token = self._read(request, self._hub.cookie_name, _LASTS)
            if token is not None:
                session = request.cookies.get("jupyterhub-session-id", "")
                identity = await self._identities.of_token(token, session)
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
        kept = self._read(request, self._hub.state_cookie_name, _LOGIN)
        begun = json.loads(kept) if kept is not None else {}
        state = request.query.get("state", "")
        if not state or not secrets.compare_digest(state.encode(), begun.get("state", "").encode()):
            raise web.HTTPForbidden(reason="The login has expired. Open the page again.")
        token = await self._token(request.query.get("code", ""), begun["verifier"])
        session = request.cookies.get("jupyterhub-session-id", "")
        if await self._identities.of_token(token, session) is None:
            raise web.HTTPForbidden(reason="JupyterHub does not accept its own login. Try again.")
        response = web.HTTPFound(begun["page"])
        response.del_cookie(self._hub.state_cookie_name, path=self._hub.base_url)
        self._write(request, response, self._hub.cookie_name, token, _LASTS)
        raise response

    def _to_login(self, request: web.Request) -> web.HTTPFound:
        verifier, challenge, method = self._hub.generate_pkce_code_challenge()
        state = secrets.token_urlsafe(24)
        asked = {"state": state, "code_challenge": challenge, "code_challenge_method": method}
        response = web.HTTPFound(f"{self._hub.login_url}&{urlencode(asked)}")
        # Without a host: it leads to this service only. Browsers keep no cookie of 4 KiB.
        page = request.rel_url.raw_path_qs
        page = page if len(page) <= _MAX_PAGE else request.rel_url.raw_path[:_MAX_PAGE]
        begun = {"state": state, "verifier": verifier, "page": page}
        self._write(request, response, self._hub.state_cookie_name, json.dumps(begun), _LOGIN)
        return response

    async def _token(self, code: str, verifier: str) -> str:
        """The token for the code that the hub has given to the browser."""
        try:
            async with Deadline(_DEADLINE, f"no response within {_DEADLINE:g} s"):
                token: str = await self._hub.token_for_code(
                    code, code_verifier=verifier, sync=False
                )
        except (HTTPError, DeadlineExceededError) as error:
            raise web.HTTPServiceUnavailable(
                reason="JupyterHub could not finish the login. Try again."
            ) from error
        return token

    def _read(self, request: web.Request, name: str, lasts: int) -> str | None:
        """What a cookie has; None if there is none, or not of ours, or one that is too old."""
        try:
            return self._fernet.decrypt(request.cookies.get(name, ""), ttl=lasts).decode()
        except InvalidToken:
            return None

    def _write(
        self, request: web.Request, response: web.Response, name: str, value: str, lasts: int
    ) -> None:
        response.set_cookie(
            name,
            self._fernet.encrypt(value.encode()).decode(),
            path=self._hub.base_url,
            max_age=lasts,
            httponly=True,
            samesite="Lax",
            secure=is_https(request),
        )


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


def is_https(request: web.Request) -> bool:
    """Whether the browser uses HTTPS; the hub's proxy says so."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
    return forwarded == "https" or request.secure

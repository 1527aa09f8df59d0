"""Users who log in with a browser: JupyterHub's OAuth, as services use it.

A login that has begun is in a cookie, so that it costs the service no memory, and a restart does
not interrupt it: `HubOAuth` says which one to set, and any web framework sets it.

Source: JupyterHub's documentation, "Using JupyterHub's OAuth"; RFC 6749, section 4.1; RFC 7636.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict
from urllib.parse import urlencode

import httpx

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.hub.api import HubUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.server.hub.api import HubAddress

LOGIN = 600
"""Seconds that a login can take."""
LOGGED_IN = 14 * 24 * 3600
"""Seconds after which a browser logs in again, as with JupyterHub's own cookies; its token may end
earlier."""
_COOKIE = "yarnhub-login-"
"""The beginning of the names of the cookies of logins that have begun."""
_COOKIES = 16
"""Logins of a browser that have begun, one for each tab; another one replaces one of them."""
_NUMBERS = 10**6
"""Tabs that are opened at once do not know each other's cookies: their numbers differ."""
_MAX_PAGE, _MAX_OTHER_PAGE = 300, 150
"""Characters of an address in a cookie, and in one besides others: servers accept 8 KiB of all
cookies together."""
_PATH = re.compile(r"[^\x00-\x20\\]*")
_UNKNOWN = (
    "This login was begun in another browser, more than 10 minutes ago, or before many others. Try "
    "again."
)
_DEADLINE = 10.0
"""Seconds for the hub to respond."""
_MAX_ERROR = 100
_AT_ONCE = 10
"""Requests to the hub at the same time: anybody can cause one, and look-ups of tokens need some."""


_log = logging.getLogger(__name__)


class LoginRefusedError(YarnhubError):
    """A login was not begun in this browser, or the hub does not accept its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """The service as a client of the hub's OAuth.

    Attributes:
        hub_url: The URL or path of the hub as browsers reach it, with a slash at its end.
        client_id: The id of the service.
        callback: The URL or path at which the hub sends browsers back.
        home: The path of the service, with a slash at its end; all of its pages are below it.
        is_public_https: Whether browsers use HTTPS; None if only the hub's proxy knows.
    """

    hub_url: str
    client_id: str
    callback: str
    home: str
    is_public_https: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunLogin:
    """A login that has begun.

    Attributes:
        url: Where the browser logs in.
        cookie: The name of the cookie to set, for `LOGIN` seconds.
        value: Its value, with which only this browser can finish the login.
    """

    url: str
    cookie: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLogin:
    """A login that the hub has accepted.

    Attributes:
        token: The user's token of the hub.
        page: The address of the page that the browser has requested, without a host.
        cookie: The name of the cookie to delete.
    """

    token: str = field(repr=False)
    page: str
    cookie: str


class CookieOptions(TypedDict):
    """How cookies are set and deleted: arguments of the methods of web frameworks."""

    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax"]


class HubOAuth:
    """Logs users in at the hub.

    Args:
        hub: The hub.
        oauth: The service as its client.
        client: For requests to the hub; the caller closes it.
    """

    def __init__(self, hub: HubAddress, oauth: OAuthClient, client: httpx.AsyncClient) -> None:
        self._hub = hub
        self._oauth = oauth
        self._client = client
        self._slots = asyncio.Semaphore(_AT_ONCE)

    @property
    def hub_url(self) -> str:
        """The hub as browsers reach it, with a slash at its end."""
        return self._oauth.hub_url

    def begin(self, page: str, cookies: Mapping[str, str]) -> BegunLogin:
        """Begin a login.

        Args:
            page: The address of the page that the browser has requested, without a host. It comes
                back to it, without the query or to `home` if the address is too long.
            cookies: The browser's.
        """
        cookie = _free_cookie(cookies)
        state = f"{cookie.removeprefix(_COOKIE)}.{secrets.token_urlsafe(16)}"
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        query = {
            "client_id": self._oauth.client_id,
            "redirect_uri": self._oauth.callback,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        pages = (page, page.partition("?")[0])
        most = _MAX_OTHER_PAGE if any(name.startswith(_COOKIE) for name in cookies) else _MAX_PAGE
        back = next((each for each in pages if len(each) <= most), self._oauth.home)
        kept = f"{state} {verifier} {back}"
        return BegunLogin(
            url=f"{self._oauth.hub_url}api/oauth2/authorize?{urlencode(query)}",
            cookie=cookie,
            value=base64.urlsafe_b64encode(kept.encode()).decode(),
        )

    async def finish(self, code: str, state: str, cookies: Mapping[str, str]) -> FinishedLogin:
        """Finish a login. A code can be used once, even if this is cancelled.

        Args:
            code: What the hub has sent with the browser.
            state: The same: which login it is for.
            cookies: The browser's.

        Raises:
            LoginRefusedError: The login was not begun in this browser, or the code is not valid.
            HubUnavailableError: The hub does not respond, or not as it should.
        """
        cookie = _COOKIE + state.partition(".")[0]
        try:
            kept = base64.urlsafe_b64decode(cookies.get(cookie, "")).decode()
            begun, verifier, page = kept.split(" ", 2)
        except ValueError as error:
            raise LoginRefusedError(_UNKNOWN) from error
        if not secrets.compare_digest(begun.encode(), state.encode()):
            raise LoginRefusedError(_UNKNOWN)
        if not page.startswith(self._oauth.home) or not _PATH.fullmatch(page):
            page = self._oauth.home
        token = await self._token(code, verifier)
        return FinishedLogin(token=token, page=page, cookie=cookie)

    def cookie_options(self, headers: Mapping[str, str]) -> CookieOptions:
        """How to set the cookies of a browser, for this service only.

        Args:
            headers: The headers of its request.
        """
        is_https = self._oauth.is_public_https
        if is_https is None:
            forwarded = headers.get("X-Forwarded-Proto", "").split(",")[0]
            is_https = forwarded.strip().lower() == "https"
        return {"path": self._oauth.home, "secure": is_https, "httponly": True, "samesite": "lax"}

    async def _token(self, code: str, verifier: str) -> str:
        """The user's token for a code."""
        url = f"{self._hub.api_url.rstrip('/')}/oauth2/token"
        form = {
            "client_id": self._oauth.client_id,
            "client_secret": self._hub.api_token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._oauth.callback,
            "code_verifier": verifier,
        }
        silent = HubUnavailableError(f"The hub does not respond at {url} in {_DEADLINE:g} s")
        try:
            async with Deadline(_DEADLINE, silent), self._slots:
                answer = await self._client.post(url, data=form, timeout=_DEADLINE)
            if 400 <= answer.status_code < 500:  # HTTP's range of refusals
                _log.warning("the hub refuses a login: %d %s", answer.status_code, _error(answer))
                raise LoginRefusedError("JupyterHub does not accept this login. Log in again.")
            token = answer.raise_for_status().json()["access_token"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            why = str(error) or type(error).__name__
            raise HubUnavailableError(
                f"The hub does not respond as expected at {url}: {why}"
            ) from error
        if not isinstance(token, str):
            raise HubUnavailableError(f"The hub does not respond as expected at {url}: no token")
        return token


def _free_cookie(cookies: Mapping[str, str]) -> str:
    """The name of the cookie of a new login."""
    begun = [name for name in cookies if re.fullmatch(rf"{_COOKIE}[0-9]{{1,6}}", name)]
    if len(begun) >= _COOKIES:
        return secrets.choice(begun)
    return f"{_COOKIE}{secrets.randbelow(_NUMBERS)}"


def _error(answer: httpx.Response) -> str:
    """The error of an answer (RFC 6749, section 5.2), such as `invalid_client`."""
    try:
        return clean_and_cut(str(answer.json()["error"])[:_MAX_ERROR], lines=False)
    except (ValueError, KeyError, TypeError):
        return ""

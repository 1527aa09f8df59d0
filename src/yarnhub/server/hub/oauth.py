"""Users who log in with a browser: JupyterHub's OAuth, as services use it.

Source: JupyterHub's documentation, "Using JupyterHub's OAuth"; RFC 6749, section 4.1; RFC 7636.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.server.hub.api import HubUnavailableError

if TYPE_CHECKING:
    from yarnhub.server.hub.api import HubAddress

_DEADLINE = 10.0
"""Seconds for the hub to respond."""
_AT_ONCE = 10
"""Requests to the hub at the same time: anybody can cause one, and look-ups of tokens need some."""


class LoginRefusedError(YarnhubError):
    """The hub does not accept a login: its code is too old, or was used before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """The service as a client of the hub's OAuth.

    Attributes:
        hub_url: The URL or path of the hub as browsers reach it, with a slash at its end.
        client_id: The id of the service.
        callback: The URL or path at which the hub sends browsers back.
    """

    hub_url: str
    client_id: str
    callback: str


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

    def authorization_url(self, state: str, verifier: str) -> str:
        """Where a browser logs in.

        Args:
            state: What the hub gives back with the code.
            verifier: A secret that `token` needs, too.
        """
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
        return f"{self._oauth.hub_url}api/oauth2/authorize?{urlencode(query)}"

    async def token(self, code: str, verifier: str) -> str:
        """The user's token for a code. A code can be used once, even if this is cancelled.

        Args:
            code: What the hub has sent with the browser.
            verifier: The secret of `authorization_url`.

        Raises:
            LoginRefusedError: The code is not valid.
            HubUnavailableError: The hub does not respond, or not as it should.
        """
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

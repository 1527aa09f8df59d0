"""Requests to JupyterHub's REST API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE = 20
"""Requests at the same time; more wait."""
_DEADLINE = 10.0
"""Seconds for the hub to respond."""


class HubUnavailableError(YarnhubError):
    """The hub does not respond, or not as it should: what was requested is not known."""

    retriable = True


class HubSilentError(HubUnavailableError):
    """A request was sent, but the hub has not responded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAddress:
    """The hub, as its services reach it.

    Attributes:
        api_url: The URL of its REST API.
        api_token: The service's own token; for groups it needs the scope `read:users:groups`.
        scopes: A user's token has to have one of them.
    """

    api_url: str
    api_token: str = field(repr=False)
    scopes: frozenset[str]


class HubApi:
    """Sends requests to JupyterHub's REST API.

    Args:
        hub: The hub.
        client: For requests to it; the caller closes it.
        deadline: Seconds for the hub to respond.
    """

    def __init__(
        self, hub: HubAddress, client: httpx.AsyncClient, deadline: float = _DEADLINE
    ) -> None:
        self._url = hub.api_url.rstrip("/")
        self._client = client
        self._deadline = deadline
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def send(
        self,
        method: str,
        path: str,
        token: str,
        query: Mapping[str, str] | None = None,
        *,
        step: float | None = None,
    ) -> httpx.Response:
        """The response to a request with a token, whatever its status.

        Cancelled, the hub may still do what was requested.

        Args:
            method: The method.
            path: The path below the API's.
            token: The token.
            query: The query.
            step: Seconds for each step: to connect, to send, and to wait for the response; by
                default, only all of it has a deadline.

        Raises:
            HubSilentError: The request was sent, but the hub did not respond in this time.
            HubUnavailableError: It does not respond.
        """
        url = f"{self._url}{path}"
        silent = HubUnavailableError(f"The hub does not respond at {url} in {self._deadline:g} s")
        try:
            async with Deadline(self._deadline, silent), self._slots:
                return await self._client.request(
                    method,
                    url,
                    params=query,
                    headers={"Authorization": f"token {token}"},
                    timeout=self._deadline if step is None else step,
                )
        except httpx.ReadTimeout as error:
            raise HubSilentError(f"The hub has not responded yet at {url}") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise HubUnavailableError(f"The hub does not respond at {url}: {why}") from error


def read_model(response: httpx.Response) -> dict[str, Any]:  # Any: JSON
    """The object in a response; empty if it is none.

    Raises:
        HubUnavailableError: Its status is an error, or it is not JSON.
    """
    try:
        model = response.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError) as error:
        raise HubUnavailableError(
            f"The hub responds with status {response.status_code} at {response.url.path}"
        ) from error
    return model if isinstance(model, dict) else {}


def path_segment(name: str) -> str:
    """A name as a part of a path, which does not lead elsewhere even if it is `..`."""
    return quote(name, safe="").replace(".", "%2E")

"""Clients who load pages and documents of the platform, one after the other."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

API = "/api/v1"
PATHS = {
    "page: home": "/",
    "page: all applications": "/applications",
    "page: the 100th page": "/applications?page=100",
    "page: a user's, running": "/applications?user={user}&state=running",
    "page: a search": "/applications?text={user}+kernel",
    "page: one application": "/applications/{application}",
    "page: the cluster": "/cluster",
    "page: usage": "/usage",
    "API: 50 applications": f"{API}/applications",
    "API: 500 applications": f"{API}/applications?limit=500",
    "API: a search": f"{API}/applications?text={{user}}+spark",
    "API: one application": f"{API}/applications/{{application}}",
    "API: the cluster": f"{API}/cluster",
    "API: 1000 nodes": f"{API}/nodes?limit=1000",
    "API: queues": f"{API}/queues",
    "API: usage": f"{API}/usage",
}
HEALTH = "health, every 50 ms"
PROBE = 0.05
"""Seconds from one request for it to the next."""


class Clients:
    """Clients of a platform, each of one of its users.

    Args:
        address: The platform's, with its prefix.
        cookies: Those of the users' browsers, by name.
        tokens: The users' tokens, by name.

    Attributes:
        times: Seconds until each response was complete, by what was requested.
    """

    def __init__(
        self, address: str, cookies: Mapping[str, dict[str, str]], tokens: Mapping[str, str]
    ) -> None:
        self.times: dict[str, list[float]] = {}
        self._address = address
        self._cookies = cookies
        self._tokens = tokens
        self._paths = itertools.cycle(PATHS.items())
        self.forget()

    def forget(self) -> None:
        """Forget all times."""
        self.times = {name: [] for name in (*PATHS, HEALTH)}

    def api(self, user: str) -> httpx.AsyncClient:
        """The API, as a user."""
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        url = f"{self._address}{API}"
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False)

    async def load(self, user: str, pause: float) -> None:
        """Load all kinds of pages and documents in turn with the other clients, until cancelled.

        Args:
            user: Whose client it is.
            pause: Seconds between them.
        """
        async with self.api(user) as api, self._browser(user) as browser:
            for name, path in self._paths:
                words = {"user": user}
                if "{application}" in path:
                    words["application"] = await self._newest(api, user)
                http = api if path.startswith(API) else browser
                await self._get(http, name, path.format(**words))
                await asyncio.sleep(pause)

    async def check_health(self) -> None:
        """Request what needs nothing from the cluster, until cancelled."""
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            while True:
                await self._get(http, HEALTH, "/health")
                await asyncio.sleep(PROBE)

    async def _newest(self, api: httpx.AsyncClient, user: str) -> str:
        """A user's application that was the last to begin to run."""
        own = {"user": user, "state": "RUNNING", "limit": 1}
        listed = (await api.get("/applications", params=own)).raise_for_status().json()
        return listed["applications"][0]["id"]

    def _browser(self, user: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(cookies=self._cookies[user], timeout=60, trust_env=False)

    async def _get(self, http: httpx.AsyncClient, name: str, path: str) -> None:
        began = time.monotonic()
        (await http.get(f"{self._address}{path}")).raise_for_status()
        self.times[name].append(time.monotonic() - began)

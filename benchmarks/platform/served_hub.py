"""The tests' hub, served for a service, and its users."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI, Request, Response

from server.fake_hub import ALL, SCOPE, FakeHub, server_model
from yarnhub.server.listening import bind
from yarnhub.server.platform.app import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PREFIX = "/services/platform"


class ServedHub:
    """A hub, each of whose users has a notebook server that runs.

    Args:
        users: How many there are.

    Attributes:
        tokens: The users' tokens, by name.
    """

    def __init__(self, users: int) -> None:
        self.tokens = {f"user{n}": f"token-{n}" for n in range(users)}
        self._hub = FakeHub(users={token: name for name, token in self.tokens.items()})
        for name, token in self.tokens.items():
            self._hub.give(token, *ALL)
            self._hub.servers[name] = {"": server_model(name, ready=True)}
        (self._socket,) = bind("127.0.0.1", 0, is_private=False)

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Serve it for as long as the block."""
        app = FastAPI()
        app.add_route("/{path:path}", self._answer, methods=["GET", "POST"])
        async with serving(app, [self._socket], None):
            yield

    async def _answer(self, request: Request) -> Response:
        body, headers = await request.body(), request.headers.raw
        asked = httpx.Request(request.method, str(request.url), headers=headers, content=body)
        found = self._hub.answer(asked)
        return Response(found.content, found.status_code, media_type="application/json")

    def variables(self, service: str) -> dict[str, str]:
        """What it tells a service that listens on a URL."""
        return {
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{self._socket.getsockname()[1]}/hub/api",
            "JUPYTERHUB_API_TOKEN": "service",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SCOPE]),
            "JUPYTERHUB_SERVICE_NAME": "platform",
            "JUPYTERHUB_SERVICE_PREFIX": f"{PREFIX}/",
            "JUPYTERHUB_SERVICE_URL": service,
        }

    async def log_in(self, service: str, name: str) -> dict[str, str]:
        """Log in at a service as a browser does; returns its cookies."""
        async with httpx.AsyncClient(base_url=service, timeout=60, trust_env=False) as browser:
            asked = await browser.get(f"{PREFIX}/")
            back = self._hub.authorize(asked.headers["Location"], self.tokens[name])
            (await browser.get(back, follow_redirects=True)).raise_for_status()
            return dict(browser.cookies)

"""JupyterHub's REST API, as services use it; `tests/hub` has them with a real hub."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

SCOPE = "access:services!service=gateway"
"""The scope that gives access to the service."""


@dataclass
class FakeHub:
    """What a hub's REST API answers."""

    users: dict[str, str] = field(default_factory=lambda: {"a": "alice", "b": "bob"})
    """By token."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    scopes: dict[str, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    broken: bool = False
    codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    """A code of a browser that has logged in: its token, and what the service has sent."""

    def authorize(self, url: str, token: str) -> str:
        """Log in as the user of a token; returns where the browser is sent then."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["code_challenge_method"] == "S256"
        assert query["response_type"] == "code"
        code = f"code-{len(self.codes)}"
        self.codes[code] = token, query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        token, asked = self.codes.pop(form["code"], ("", {}))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        names = ("client_id", "redirect_uri")
        fits = all(form[name] == asked.get(name) for name in names)
        if not fits or challenge != asked["code_challenge"] or form["client_secret"] != "service":
            return httpx.Response(400, json={"error": "invalid_grant"})
        return httpx.Response(200, json={"access_token": token, "token_type": "Bearer"})

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        if self.broken:
            return httpx.Response(500)
        if request.url.path == "/hub/api/oauth2/token":
            return self._exchange(request)
        token = request.headers["Authorization"].removeprefix("token ")
        if request.url.path.startswith("/hub/api/users/"):
            name = request.url.path.rpartition("/")[2]
            return httpx.Response(
                200, json={"kind": "user", "name": name, "groups": self.groups.get(name, [])}
            )
        name = self.users.get(token, "")
        if not name:
            return httpx.Response(403, json={"status": 403, "message": "Forbidden"})
        scopes = self.scopes.get(token, [SCOPE])
        kind = "service" if name.startswith("service:") else "user"
        return httpx.Response(200, json={"kind": kind, "name": name, "scopes": scopes})

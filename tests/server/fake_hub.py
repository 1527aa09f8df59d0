"""JupyterHub's REST API, as services use it; `tests/hub` has them with a real hub."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx

SCOPE = "access:services!service=gateway"
"""The scope that gives access to the service."""


@dataclass
class FakeHub:
    """What a hub's REST API answers."""

    users: dict[str, str] = field(default_factory=lambda: {"a": "alice", "b": "bob"})
    """By token."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    shows_groups: bool = True
    """Whether the service's token has the scope `read:users:groups`."""
    shows_users: bool = True
    """Whether it has the scope `read:users:name`."""
    unknown: frozenset[str] = frozenset()
    """Names that no user has."""
    scopes: dict[str, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    broken: bool = False
    servers: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    """The models of notebook servers, by user and name; none of a default one that never ran."""
    slow: bool = False
    """Whether requests to start or stop a server are received, but not answered."""
    is_unreachable: bool = False
    """Whether requests to start or stop a server are not received: it accepts no connection."""
    silent: bool = False
    """Whether it does not list servers."""
    listings: int = 0
    """How often servers were listed."""
    refusal: tuple[int, str] = (0, "")
    """The status and message with which it refuses to start or stop a server."""
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

    async def respond(self, request: httpx.Request) -> httpx.Response:
        """The answer, when there is one."""
        acts, seconds = "/servers/" in request.url.path, request.extensions["timeout"]
        if self.is_unreachable and acts:
            await _pass(seconds["connect"])
            raise httpx.ConnectTimeout("", request=request)
        answer = self.answer(request)
        if self.slow and acts:
            await _pass(seconds["read"])
            raise httpx.ReadTimeout("", request=request)
        return answer

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        if self.broken:
            return httpx.Response(500)
        if request.url.path == "/hub/api/oauth2/token":
            return self._exchange(request)
        token = request.headers["Authorization"].removeprefix("token ")
        if "/servers/" in request.url.path:
            return self._act(request, token)
        if request.url.path.startswith("/hub/api/users/"):
            return self._user(request.url.path.rpartition("/")[2])
        if "include_stopped_servers" in request.url.params:
            self.listings += 1
            if self.silent:
                return httpx.Response(502)
        name = self.users.get(token, "")
        if not name:
            return httpx.Response(403, json={"status": 403, "message": "Forbidden"})
        scopes = self.scopes.get(token, [SCOPE])
        kind = "service" if name.startswith("service:") else "user"
        model: dict[str, object] = {"kind": kind, "name": name, "scopes": scopes}
        if f"read:servers!user={name}" in scopes:
            model["servers"] = self.servers.get(name, {})
        return httpx.Response(200, json=model)

    def _user(self, name: str) -> httpx.Response:
        if not self.shows_users:
            return httpx.Response(403, json={"status": 403, "message": "Forbidden"})
        if name in self.unknown:
            return httpx.Response(404, json={"status": 404, "message": "Not Found"})
        model: dict[str, object] = {"kind": "user", "name": name}
        if self.shows_groups:
            model["groups"] = self.groups.get(name, [])
        return httpx.Response(200, json=model)

    def give(self, token: str, *scopes: str) -> None:
        """Give a token scopes for its user's servers, such as `read:servers`."""
        name = self.users[token]
        self.scopes[token] = [SCOPE, *(f"{each}!user={name}" for each in scopes)]

    def _act(self, request: httpx.Request, token: str) -> httpx.Response:
        """Begin to start or stop a server."""
        user, _, server = map(unquote, request.url.raw_path.decode().split("/")[4:])
        scope, pending = _ACTS[request.method]
        if f"{scope}!user={user}" not in self.scopes.get(token, ()):
            status, message = 403, f"Action is not authorized; requires any of [{scope}]"
        else:
            status, message = self.refusal
        if status:
            return httpx.Response(status, json={"status": status, "message": message})
        self.servers.setdefault(user, {})[server] = server_model(user, server, pending=pending)
        return httpx.Response(202)


async def _pass(seconds: float) -> None:
    """Let a time pass, as httpx does before it gives up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


_ACTS = {"POST": ("start:servers", "spawn"), "DELETE": ("delete:servers", "stop")}
ALL = ("read:servers", "start:servers", "delete:servers")
"""The scopes of `servers`."""


def server_model(
    user: str, name: str = "", *, ready: bool = False, pending: str | None = None
) -> dict[str, object]:
    """A server as the hub describes it."""
    return {
        "name": name,
        "display_name": name,
        "started": "2026-11-30T10:00:00.000000Z" if ready or pending else None,
        "pending": pending,
        "ready": ready,
        "stopped": not (ready or pending),
        "url": f"/user/{user}/{name}/" if name else f"/user/{user}/",
    }

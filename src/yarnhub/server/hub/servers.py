"""A user's notebook servers, listed, started and stopped with the user's own token."""

from __future__ import annotations

import datetime as dt
import enum
import http
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.hub.api import (
    HubApi,
    HubSilentError,
    HubUnavailableError,
    path_segment,
    read_model,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import httpx

    from yarnhub.server.hub.api import HubAddress

MAX_SERVERS = 100
"""Servers of a user that are listed; by default, a hub has no limit of named ones."""
_ACT = 3.0
"""Seconds for the hub to refuse to start or stop a server. If it does not, it waits for up to 10
(`slow_spawn_timeout`) and then continues in the background, as it does without a client."""
_START, _STOP = "start:servers", "delete:servers"
"""The scopes that are needed; both are part of `servers`."""


class HubRefusedError(YarnhubError):
    """The hub does not start or stop a server: its message has the reason."""


class ServerState(enum.StrEnum):
    """What a notebook server does."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CHECKING = "checking"
    """It may run: the hub is still finding out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookServer:
    """A notebook server.

    Attributes:
        name: Its name at the hub; empty for the default one.
        title: The name that the user has given it; empty for the default one.
        state: What it does.
        url: Its URL or path, as browsers reach it.
        started: When it was started; None if it is stopped.
    """

    name: str
    title: str
    state: ServerState
    url: str
    started: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserServers:
    """The notebook servers of a user.

    Attributes:
        servers: The default one, and then the named ones by name, at most `MAX_SERVERS`.
        can_start: Whether the token is allowed to start them.
        can_stop: Whether it is allowed to stop them.
    """

    servers: tuple[NotebookServer, ...]
    can_start: bool
    can_stop: bool


class HubServers:
    """Users' notebook servers at JupyterHub.

    Args:
        hub: The hub.
        client: For requests to it; the caller closes it.
    """

    def __init__(self, hub: HubAddress, client: httpx.AsyncClient) -> None:
        self._looks = HubApi(hub, client)
        self._acts = HubApi(hub, client)

    async def list(self, token: str) -> UserServers | None:
        """The servers of a token's user, running or not; None if the token cannot see them.

        Raises:
            HubUnavailableError: They are not known.
        """
        query = {"include_stopped_servers": "1"}
        model = read_model(await self._looks.send("GET", "/user", token, query))
        name, found, scopes = (model.get(each) for each in ("name", "servers", "scopes"))
        if not isinstance(found, dict) or not isinstance(scopes, list):
            return None
        models = [each for each in found.values() if isinstance(each, dict)]
        servers = sorted(map(_server, models), key=lambda each: each.name)[:MAX_SERVERS]
        if not any(each.name == "" for each in servers):
            servers.insert(0, _server({}))
        return UserServers(
            servers=tuple(servers),
            can_start=not {_START, f"{_START}!user={name}"}.isdisjoint(scopes),
            can_stop=not {_STOP, f"{_STOP}!user={name}"}.isdisjoint(scopes),
        )

    async def start(self, token: str, user: str, server: str) -> None:
        """Start a server; returns when it runs, or 3 seconds after the request was sent.

        If the hub has not refused it by then, it is in the list as starting. Cancelled, the hub
        may still start it.

        Args:
            token: The user's.
            user: The user's name at the hub.
            server: Its name; empty for the default one.

        Raises:
            HubRefusedError: The hub does not start it.
            HubUnavailableError: It is not known whether the hub starts it.
        """
        await self._act("POST", token, user, server)

    async def stop(self, token: str, user: str, server: str) -> None:
        """The same for its end."""
        await self._act("DELETE", token, user, server)

    async def _act(self, method: str, token: str, user: str, server: str) -> None:
        path = f"/users/{path_segment(user)}/servers/{path_segment(server)}"
        try:
            response = await self._acts.send(method, path, token, step=_ACT)
        except HubSilentError:
            return
        if response.status_code >= http.HTTPStatus.BAD_REQUEST:
            raise HubRefusedError(f"JupyterHub refuses it: {_message(response)}")


def _message(response: httpx.Response) -> str:
    """The hub's reason for an error.

    Raises:
        HubUnavailableError: It gives none.
    """
    try:
        found = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise HubUnavailableError(f"The hub responds with status {response.status_code}")
    return clean_and_cut(found, lines=False)


def _server(model: Mapping[str, Any]) -> NotebookServer:  # Any: JSON
    name = str(model.get("name") or "")
    return NotebookServer(
        name=name,
        title=str(model.get("display_name") or name),
        state=_state(model),
        url=str(model.get("url") or ""),
        started=_time(model.get("started")),
    )


def _state(model: Mapping[str, object]) -> ServerState:
    match model.get("pending"), model.get("ready"):
        case "spawn", _:
            return ServerState.STARTING
        case "stop", _:
            return ServerState.STOPPING
        case _, True:
            return ServerState.RUNNING
        case pending, _ if pending or model.get("stopped") is False:
            return ServerState.CHECKING
        case _:
            return ServerState.STOPPED


def _time(text: object) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None

"""A spawner whose servers are in memory, for what happens between JupyterHub and YARN."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from sessions.in_memory import TAGS
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

if TYPE_CHECKING:
    from sessions.in_memory import OneSession
    from yarnhub.sessions.holder import Holder

S = TypeVar("S", bound=YarnSpawner)


class Spawner(YarnSpawner):
    """A spawner of that one server."""

    where: OneSession
    hub_tags = TAGS

    def holder(self, master: str = "") -> Holder:
        return self.where


def make_spawner(
    where: OneSession, hub_settings: dict[str, object] | None = None, /, **settings: Any
) -> Spawner:
    """Alice's spawner as JupyterHub makes it, of a server that is about to start."""
    spawner = made(Spawner, hub_settings, **settings)
    spawner.where = where
    spawner._server = SimpleNamespace(base_url="/user/alice/")
    spawner._spawn_pending = True
    return spawner


def made(kind: type[S], hub_settings: dict[str, object] | None = None, **settings: Any) -> S:
    """A spawner of alice's, in a hub of its own if that is not given by its settings."""
    hub = SimpleNamespace(base_url="/hub/", api_url="http://127.0.0.1:1/hub/api", public_host="")
    shared = {} if hub_settings is None else hub_settings
    user = SimpleNamespace(name="alice", url="/user/alice/", settings=shared, groups=[])
    return kind(user=user, hub=hub, **{"api_token": "hers", **settings})

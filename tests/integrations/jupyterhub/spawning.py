"""A spawner whose servers are in memory, for what happens between JupyterHub and YARN."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from yarnhub.client.access.settings import Settings
from yarnhub.client.explain.explanation import Explanation, Phase
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
from yarnhub.sessions.holder import Holder
from yarnhub.sessions.session import Session, Sight
from yarnhub.sessions.tags import HubTags
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.base.errors import YarnhubError
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.sessions.session import End
    from yarnhub.spec import ApplicationSpec

S = TypeVar("S", bound=YarnSpawner)

APPLICATION = "application_1_0001"
TAGS = HubTags(b"secret", "jupyterhub")
SETTINGS = Settings(
    configuration=Configuration({}),
    user=SimpleUser("hub"),
    user_name="hub",
    config_folder=Path("/nosuch"),
    cache_folder=Path("/nosuch"),
    language="C",
    options=RpcOptions(),
)
"""Of a cluster without security."""


def explained(*reasons: Reason, starting: tuple[str, ...] = ()) -> Explanation:
    """Why a server's application waits."""
    return Explanation(
        id=APPLICATION,
        state=YarnApplicationState.RUNNING,
        final_status=FinalApplicationStatus.UNDEFINED,
        phase=Phase.RUNNING,
        reasons=reasons,
        starting=starting,
    )


class InMemory(Session):
    """A server that is what a test makes it."""

    id = APPLICATION
    user = "alice"

    def __init__(self) -> None:
        self.seen = Sight()
        self.how: End | None = None
        self.over = asyncio.Event()
        self.stops: list[bool] = []
        """Of each time that it was stopped, whether that was at once."""

    async def ended(self) -> None:
        await self.over.wait()

    async def end(self) -> End | None:
        return self.how

    async def sight(self) -> Sight:
        return self.seen

    async def stop(self, *, now: bool) -> None:
        self.stops.append(now)


class OneServer(Holder):
    """Where there is one server.

    Args:
        refusing: What is said to who would start it.
    """

    def __init__(self, refusing: YarnhubError | None = None) -> None:
        super().__init__(SETTINGS, TAGS)
        self.server = InMemory()
        self.refusing = refusing
        self.explanation: Explanation | None = None
        self.asked: list[ApplicationSpec] = []
        self.found: Session | End | None = self.server
        """What is found of a server of an earlier hub."""
        self.sought: list[str] = []

    async def _submit(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Session:
        if self.refusing is not None:
            raise self.refusing
        self.asked.append(spec)
        return self.server

    async def all(self, tag: str = "") -> Sequence[Session]:
        return []

    async def explain(self, server: Session) -> Explanation | None:
        return self.explanation

    async def nodes(self) -> list[str]:
        if self.refusing is not None:
            raise self.refusing
        return ["localhost"]

    async def find(self, application_id: str) -> Session | End | None:
        self.sought.append(application_id)
        return self.found


class Spawner(YarnSpawner):
    """A spawner of that one server."""

    where: OneServer
    hub_tags = TAGS

    def holder(self) -> Holder:
        return self.where


def make_spawner(where: OneServer, **settings: Any) -> Spawner:
    """Alice's spawner as JupyterHub makes it, of a server that is about to start."""
    spawner = made(Spawner, **settings)
    spawner.where = where
    spawner._server = SimpleNamespace(base_url="/user/alice/")
    spawner._spawn_pending = True
    return spawner


def made(kind: type[S], hub_settings: dict[str, object] | None = None, **settings: Any) -> S:
    """A spawner of alice's, in a hub of its own if that is not given by its settings."""
    hub = SimpleNamespace(base_url="/hub/", api_url="http://127.0.0.1:1/hub/api", public_host="")
    shared = {} if hub_settings is None else hub_settings
    user = SimpleNamespace(name="alice", url="/user/alice/", settings=shared, groups=[])
    return kind(user=user, hub=hub, api_token="hers", **settings)

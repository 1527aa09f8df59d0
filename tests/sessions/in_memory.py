"""Sessions in memory, for what happens between a hub and YARN."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings
from yarnhub.client.explain.explanation import Explanation, Phase
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.sessions.holder import Holder
from yarnhub.sessions.session import Session, SessionSnapshot
from yarnhub.sessions.tags import HubTags
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.base.errors import YarnhubError
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.sessions.session import SessionEnd
    from yarnhub.spec import ApplicationSpec

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
    """Why a session's application waits."""
    return Explanation(
        id=APPLICATION,
        state=YarnApplicationState.RUNNING,
        final_status=FinalApplicationStatus.UNDEFINED,
        phase=Phase.RUNNING,
        reasons=reasons,
        starting=starting,
    )


class InMemorySession(Session):
    """A session that is what a test makes it."""

    id = APPLICATION
    user = "alice"

    def __init__(self) -> None:
        self.seen = SessionSnapshot()
        self.explanation = explained()
        self.how: SessionEnd | None = None
        self.over = asyncio.Event()
        self.stops: list[bool] = []
        """Of each time that it was stopped, whether that was at once."""

    async def ended(self) -> None:
        await self.over.wait()

    async def poll(self) -> SessionEnd | None:
        return self.how

    async def snapshot(self) -> SessionSnapshot:
        return self.seen

    async def explain(self) -> Explanation:
        return self.explanation

    async def stop(self, *, now: bool) -> None:
        self.stops.append(now)


class OneSession(Holder):
    """Holds one session.

    Args:
        refusing: What its start raises.
    """

    def __init__(self, refusing: YarnhubError | None = None) -> None:
        super().__init__(SETTINGS, TAGS)
        self.session = InMemorySession()
        self.refusing = refusing
        self.asked: list[ApplicationSpec] = []
        self.found: Session | SessionEnd | None = self.session
        """What is found of a session of an earlier hub."""
        self.sought: list[str] = []

    async def _submit(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Session:
        if self.refusing is not None:
            raise self.refusing
        self.asked.append(spec)
        return self.session

    async def all(self, tag: str = "") -> Sequence[Session]:
        return []

    async def nodes(self) -> list[str]:
        if self.refusing is not None:
            raise self.refusing
        return ["localhost"]

    async def find(self, application_id: str) -> Session | SessionEnd | None:
        self.sought.append(application_id)
        return self.found

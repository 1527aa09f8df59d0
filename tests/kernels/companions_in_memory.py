"""A ResourceManager in memory, as far as applications of kernels need one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from yarnhub.base.errors import YarnhubError
from yarnhub.yarn.records.applications import (
    ApplicationResourceUsageReport,
    YarnApplicationState,
)
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings


@dataclass(frozen=True)
class Report:
    application_id: str
    user: str
    application_tags: tuple[str, ...]
    app_resource_usage: ApplicationResourceUsageReport
    yarn_application_state: YarnApplicationState = YarnApplicationState.RUNNING


@dataclass
class Yarn:
    """What runs, and what has been killed, by whom."""

    running: list[Report] = field(default_factory=list)
    killed: list[tuple[str, str]] = field(default_factory=list)
    protected: set[str] = field(default_factory=set)
    error: YarnhubError | None = None

    def add(self, name: str, user: str, *tags: str, gib: int = 0) -> None:
        usage = ApplicationResourceUsageReport(
            num_used_containers=gib,
            used_resources=Resource(memory=1024 * gib, virtual_cores=gib),
        )
        self.running.append(Report(name, user, tags, usage))


class Client:
    """One user's, of `yarn`."""

    def __init__(self, yarn: Yarn, settings: Settings) -> None:
        self._yarn = yarn
        self._user = settings.user_name
        self.resource_manager = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def get_applications(self, asked: Any) -> list[Report]:
        if self._yarn.error:
            raise self._yarn.error
        (tag,) = asked.application_tags
        return [each for each in self._yarn.running if tag in each.application_tags]

    async def force_kill_application(self, application_id: str) -> bool:
        if self._user in self._yarn.protected:
            raise YarnhubError(f"nobody may act for {self._user}")
        self._yarn.killed.append((application_id, self._user))
        return True

"""A ResourceManager in memory, a watch of it, and no time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.errors import (
    ConnectError,
)
from yarnhub.watch.application_watch import ApplicationWatch, WatchOptions
from yarnhub.watch.listing import LIMIT
from yarnhub.watch.table import ApplicationTable, Changes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId


DOWN = ConnectError("no ResourceManager")


@dataclass
class World:
    """A ResourceManager, and a watch of it that looks each second."""

    manager: FakeResourceManager = field(default_factory=FakeResourceManager)
    relist_interval: float = 1e9
    table: ApplicationTable = field(default_factory=ApplicationTable)
    limit: int = LIMIT

    def __post_init__(self) -> None:
        options = WatchOptions(interval=1, relist_interval=self.relist_interval, limit=self.limit)
        self.watch = ApplicationWatch(
            self.manager, lambda: self.manager.now / 1000, self.table, options
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Within the block it runs, and has looked once."""
        async with asyncio.timeout(1e8), asyncio.TaskGroup() as group:
            task = group.create_task(self.watch.run())
            await asyncio.sleep(0.5)
            try:
                yield
            finally:
                task.cancel()

    async def look(self, times: int = 1) -> None:
        await asyncio.sleep(times)

    def state(self, number: ApplicationId) -> str:
        row = self.table.get(number)
        assert row is not None
        return row.report.yarn_application_state.name

    def check(self) -> None:
        """What the ResourceManager has is in the table, and nothing else is open there."""
        known = self.manager.applications
        assert {each: row(self.table, each) for each in known} == known
        assert set(self.table.open) == {
            each for each, report in known.items() if not report.yarn_application_state.ended
        }

    def requested(self, kind: type) -> list[Any]:
        return [each for each in self.manager.calls if isinstance(each, kind)]


def row(table: ApplicationTable, number: ApplicationId) -> ApplicationReport | None:
    found = table.get(number)
    return None if found is None else found.report


def ids(changes: Changes) -> set[ApplicationId]:
    return {each.application_id for each in changes.reports}

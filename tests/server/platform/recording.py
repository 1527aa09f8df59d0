"""A recorder with a ResourceManager in memory, which can run in a process that is killed."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import event

from watch.fake_resource_manager import FakeResourceManager
from watch.rows import STARTED
from yarnhub.database.connections import Database
from yarnhub.database.location import Location
from yarnhub.database.usage import Query, UsageStore
from yarnhub.server.platform.usage_recorder import RecorderOptions, UsageRecorder
from yarnhub.watch.application_watch import ApplicationWatch
from yarnhub.watch.ledger import BEGUN
from yarnhub.yarn.records.ids import ApplicationAttemptId
from yarnhub.yarn.records.resources import MEMORY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import NoReturn

    from yarnhub.watch.ledger import Batch

FOREVER = 10**15


class Recording:
    """A process of the service, as far as it records usage.

    Args:
        database: Its database.
        options: The recorder's.
    """

    def __init__(self, database: Database, options: RecorderOptions | None = None) -> None:
        self.yarn = FakeResourceManager(now=STARTED, cluster_timestamp=1)
        self.number = self.yarn.submit(
            current_application_attempt_id=ApplicationAttemptId(attempt_id=1)
        )
        self.yarn.run(self.number)
        self.watch = ApplicationWatch(self.yarn, lambda: self.yarn.now / 1000)
        self.store = UsageStore(database)
        self.recorder = UsageRecorder(self.watch, database, self.store, options)

    async def look(self, now: int, memory: int) -> None:
        """Look when the application has used so many MiB-seconds; `now` is ms after its start."""
        self.yarn.now = STARTED + now
        usage = self.yarn.applications[self.number].app_resource_usage
        self.yarn.change(self.number, app_resource_usage=replace(usage, memory_seconds=memory))
        await self.watch._look()

    async def record(self, now: int, memory: int) -> None:
        """The same, and record it."""
        await self.look(now, memory)
        await self.recorder.record()

    async def totals(self) -> tuple[int, int]:
        """The MiB-seconds, and how many applications have begun."""
        async with self.store.reading(10) as reading:
            query = Query(begin=0, end=FOREVER)
            found = {each.measure: each.amount async for each in reading.sums(query)}
        return found.get(MEMORY, 0), found.get(BEGUN, 0)


@contextlib.asynccontextmanager
async def recording(
    location: Location, options: RecorderOptions | None = None, busy: float = 5
) -> AsyncIterator[Recording]:
    async with Database(location, busy=busy) as database:
        yield Recording(database, options)


def _wait(*_: object) -> NoReturn:
    sys.stdout.write("now\n")
    sys.stdout.flush()
    sys.stdin.read()
    raise AssertionError("it was not killed")


async def record_and_wait(url: str, when: str) -> None:
    """Record two batches; print a line before or after the second is committed, and wait.

    Args:
        url: The database.
        when: `before` or `after`.
    """
    async with recording(Location.parse(url)) as process:
        await process.record(1000, 10)
        if when == "before":
            engine = process.recorder._database.engine.sync_engine
            event.listen(engine, "commit", _wait)
        else:
            store = process.store.store

            async def stored(batch: Batch) -> NoReturn:
                await store(batch)
                _wait()

            process.store.store = stored  # type: ignore[method-assign]
        await process.record(2000, 30)

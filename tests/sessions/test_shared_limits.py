"""Limits that administrators change, as services have them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import ConnectError
from yarnhub.sessions.limited_kinds import KERNELS, SERVERS
from yarnhub.sessions.limits import Limit, Limits, Scope, Whom
from yarnhub.sessions.shared_limits import Entries, SharedLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.sessions.shared_limits import Read

CONFIGURED = Limits(kind=KERNELS, user=Limit(count=9))
EACH = Whom(Scope.EACH_USER)


class Store:
    """What limits are read from; each look waits until a test has seen the one before."""

    def __init__(self) -> None:
        self.entries: Entries = {}
        self.is_away = False
        self.fault: Exception | None = None
        self.is_open = False
        self.looks = 0
        self.looked = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Read]:
        self.is_open = True
        try:
            yield self.read
        finally:
            self.is_open = False

    async def read(self) -> Entries:
        async with self.looked:
            self.looks += 1
            self.looked.notify_all()
        if self.fault is not None:
            raise self.fault
        if self.is_away:
            raise ConnectError("the database is away")
        return self.entries

    async def next(self) -> None:
        """Wait until a look that has begun after now has ended."""
        async with asyncio.timeout(30), self.looked:
            wanted = self.looks + 2
            await self.looked.wait_for(lambda: self.looks >= wanted)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def tasks() -> AsyncIterator[BackgroundTasks]:
    async with BackgroundTasks() as tasks:
        yield tasks


async def test_a_change_applies_soon_and_its_removal_brings_the_configuration_back(
    store: Store, tasks: BackgroundTasks
) -> None:
    shared = SharedLimits(store.opened, interval=0)
    store.entries = {"kernels": {EACH: Limit(count=2)}}
    await shared.start(tasks)
    assert shared.over(CONFIGURED).user == Limit(count=2)
    assert shared.over(Limits(kind=SERVERS)) == Limits(kind=SERVERS)

    store.entries = {"kernels": {Whom(Scope.USER, "alice"): Limit(count=1)}}
    await store.next()
    assert shared.over(CONFIGURED).user == Limit(count=9)
    assert shared.over(CONFIGURED).users == {"alice": Limit(count=1)}


async def test_the_last_known_limits_apply_while_they_cannot_be_read(
    store: Store, tasks: BackgroundTasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shared = SharedLimits(store.opened, interval=0)
    store.entries = {"kernels": {EACH: Limit(count=2)}}
    await shared.start(tasks)
    store.is_away = True
    for _ in range(3):
        await store.next()
    assert shared.over(CONFIGURED).user == Limit(count=2)
    store.is_away, store.entries = False, {}
    await store.next()
    assert shared.over(CONFIGURED).user == Limit(count=9)
    assert [each.getMessage() for each in caplog.records] == [
        "the limits cannot be read, the last known ones apply: the database is away",
        "the limits can be read again",
    ]


async def test_a_service_starts_with_its_configuration_if_they_were_never_read(
    store: Store, tasks: BackgroundTasks, caplog: pytest.LogCaptureFixture
) -> None:
    store.is_away = True
    shared = SharedLimits(store.opened, interval=0)
    await asyncio.gather(*(shared.start(tasks) for _ in range(3)))  # noqa: TID251  # they end
    assert shared.over(CONFIGURED) == CONFIGURED
    assert "those of the configuration apply: the database is away" in caplog.text
    assert len(caplog.records) == 1


async def test_a_fault_does_not_keep_later_changes_away(
    store: Store, tasks: BackgroundTasks, caplog: pytest.LogCaptureFixture
) -> None:
    shared = SharedLimits(store.opened, interval=0)
    await shared.start(tasks)
    store.fault = ZeroDivisionError("a fault")
    await store.next()
    store.fault, store.entries = None, {"kernels": {EACH: Limit(count=2)}}
    await store.next()
    assert shared.over(CONFIGURED).user == Limit(count=2)
    assert "Traceback" in caplog.text


async def test_the_database_is_closed_with_the_service(store: Store) -> None:
    async with BackgroundTasks() as tasks:
        await SharedLimits(store.opened).start(tasks)
        assert store.is_open
    assert not store.is_open


async def test_a_service_that_stops_reads_to_the_end_first() -> None:
    begun, goes_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def read() -> Entries:
        begun.set()
        await goes_on.wait()
        ended.set()
        return {}

    tasks = BackgroundTasks()
    shared = SharedLimits(lambda: contextlib.nullcontext(read))
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(shared.start(tasks))
        await begun.wait()
        closing = group.create_task(tasks.aclose())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not closing.done()
        goes_on.set()
    assert ended.is_set()


async def test_limits_of_groups_are_told_by_kind(store: Store, tasks: BackgroundTasks) -> None:
    shared = SharedLimits(store.opened)
    store.entries = {"kernels": {Whom(Scope.GROUP, "ml"): Limit()}, "servers": {EACH: Limit()}}
    await shared.start(tasks)
    assert shared.has_groups("kernels")
    assert not shared.has_groups("servers")
    assert not shared.has_groups("builds")


async def test_without_a_database_there_is_nothing_to_read(tasks: BackgroundTasks) -> None:
    shared = SharedLimits()
    await shared.start(tasks)
    assert shared.over(CONFIGURED) == CONFIGURED

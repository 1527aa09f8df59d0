"""The changes of the table, for those who follow the watch."""

from __future__ import annotations

import asyncio

from appmaster.clock import instant
from watch.world import DOWN, World, ids
from yarnhub.watch.table import ApplicationTable, Changes
from yarnhub.yarn.records.applications import YarnApplicationState


@instant
async def test_changes_are_those_since_the_last_ones() -> None:
    world = World()
    async with world.running():
        first = world.manager.submit()
        changes = world.watch.changes()
        assert ids(await anext(changes)) == {first}
        # A slow subscriber: two looks are one change.
        second = world.manager.submit()
        await world.look(2)
        world.manager.run(second)
        third = world.manager.submit()
        await world.look(2)
        later = await anext(changes)
        assert ids(later) == {second, third}
        assert later.reports[0].yarn_application_state is YarnApplicationState.RUNNING
        await changes.aclose()


@instant
async def test_a_subscriber_that_is_too_slow_starts_over() -> None:
    world = World(table=ApplicationTable(max_changes=3))
    async with world.running():
        changes = world.watch.changes()
        for _ in range(4):
            world.manager.submit()
        found = await anext(changes)
        assert (found.start_over, found.reports) == (True, ())
        number = world.manager.submit()
        assert ids(await anext(changes)) == {number}
        await changes.aclose()


@instant
async def test_subscribers_are_notified_of_a_failure_and_its_end() -> None:
    world = World()
    async with world.running():
        changes = world.watch.changes()
        world.manager.errors = [DOWN] * 3
        assert await anext(changes) == Changes(0)
        assert world.watch.freshness.failure is DOWN
        assert await anext(changes) == Changes(0)
        assert world.watch.freshness.failure is None
        await changes.aclose()


@instant
async def test_changes_end_with_the_watch() -> None:
    world = World()
    seen: list[Changes] = []

    async def subscribe() -> None:
        seen.extend([each async for each in world.watch.changes()])

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        subscriber = group.create_task(subscribe())
        async with world.running():
            world.manager.submit()
            await world.look()
    assert subscriber.done()
    assert [len(each.reports) for each in seen] == [0, 1], "the first look, and the application"


@instant
async def test_a_subscriber_is_cancelled() -> None:
    world = World()

    async def subscribe() -> None:
        async for _ in world.watch.changes():
            raise AssertionError("nothing has changed")

    async with world.running(), asyncio.TaskGroup() as group:
        task = group.create_task(subscribe())
        await world.look()
        task.cancel()
    assert task.cancelled()

"""An application's keys, for programs that do not block."""

from __future__ import annotations

import asyncio

import pytest

from client.living import living
from yarnhub.base.errors import ControlError
from yarnhub.client import keys
from yarnhub.client.errors import EventsMissedError
from yarnhub.client.keys import Event, EventFilter, EventType, event_queue
from yarnhub.client.keys.event_queue import Taker


async def test_operations_are_applied_alone_and_together() -> None:
    async with living() as (_, app):
        await app.keys.apply(keys.put("a", b"1", owner="a_0"))
        assert await app.keys.apply(keys.swap("a", b"2", return_owner=True)) == (b"1", "a_0")
        assert await app.keys.apply(keys.pop_prefix("a")) == {"a": b"2"}
        held = await app.keys.transaction(
            [keys.missing("a"), keys.owner("b") == None],  # noqa: E711  # a condition
            [keys.put("a", b"3"), keys.count()],
        )
        assert held == (True, [None, 1])
        failed = await app.keys.transaction(keys.missing("a"), keys.put("a", b"4"), keys.get("a"))
        assert failed == (False, [b"3"])
        with pytest.raises(ControlError, match="Unknown service 'x'"):
            await app.keys.transaction((), [keys.put("b", b""), keys.put("c", b"", owner="x_0")])
        assert await app.keys.list_keys() == ("a",), "all or nothing"
        with pytest.raises(TypeError, match="on_success must be Operations"):
            await app.keys.transaction((), [keys.value("a") == b""])  # type: ignore[list-item]


async def test_a_default_is_set_once() -> None:
    async with living() as (_, app):
        assert await app.keys.set_default("k", b"1") == b"1"
        assert await app.keys.set_default("k", b"2") == b"1"


async def test_events_of_filters_until_the_application_ends() -> None:
    async with living() as (_, app):
        await app.keys.put("a", b"before")
        mine = EventFilter(prefix="a")
        found = []
        with pytest.raises(ControlError) as caught:
            async with app.keys.events(mine, EventFilter(event_type="delete")) as events:
                await app.keys.put("a", b"1", owner="a_0")
                await app.keys.put("b", b"2")
                await app.keys.delete("b")
                async for event in events:
                    found.append(event)
                    if event.key == "b":
                        await app.shutdown()
        assert caught.value.code == "ended"
        assert found[0] == Event("a", keys.ValueOwnerPair(b"1", "a_0"), EventType.PUT, mine)
        assert [(each.key, each.event_type) for each in found[1:]] == [("b", EventType.DELETE)]


async def test_a_queue_without_events() -> None:
    async with living() as (_, app), app.keys.events(EventFilter()) as events:
        with pytest.raises(asyncio.QueueEmpty):
            await events.get(deadline=0)
        waiting = asyncio.ensure_future(events.get())  # noqa: TID251  # cancelled here
        await asyncio.sleep(0)
        waiting.cancel()
        await app.keys.put("k", b"")
        assert (await events.get()).key == "k", "a wait that was cancelled takes none"
        events.unsubscribe(events.filters)
        assert (events.filters, len(events)) == (frozenset(), 0)


async def test_what_a_thread_does_not_take_is_kept() -> None:
    async with living() as (_, app), app.keys.events(EventFilter()) as events:
        early, late, ready = Taker(), Taker(), Taker()
        events.give(early)
        with pytest.raises(TimeoutError):
            early.wait(0)
        events.withdraw(early)
        events.give(late)
        await app.keys.put("a", b"")
        await asyncio.to_thread(late.wait, 30)
        events.withdraw(late)
        await app.keys.put("b", b"")
        events.give(ready)
        ready.wait(0)
        assert (early.item, ready.item.key) == (None, "a")
        assert (await events.get()).key == "b"


async def test_what_a_thread_was_not_told_is_kept() -> None:
    async with living() as (_, app), app.keys.events(EventFilter()) as events:
        lost, ended = Taker(), Taker()
        events.give(lost)
        events.put(EventsMissedError("lost"))
        lost.wait(0)
        assert isinstance(lost.error, EventsMissedError)
        events.withdraw(lost)
        with pytest.raises(EventsMissedError):
            await events.get()
        await app.shutdown()
        events.give(ended)
        await asyncio.to_thread(ended.wait, 30)
        events.withdraw(ended)
        with pytest.raises(ControlError):
            await events.get()


async def test_who_reads_too_slowly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "_CAPACITY", 1)
    async with living() as (world, app), app.keys.events(EventFilter()) as events:
        world.application.history._count = 2
        await app.keys.put("a", b"")
        async with asyncio.timeout(30):
            while not len(events):
                await asyncio.sleep(0)
        for key in "bcd":
            await app.keys.put(key, b"")
        assert (await events.get()).key == "a"
        with pytest.raises(EventsMissedError, match="lost"):
            await events.get()
        assert [(await events.get()).key for _ in range(2)] == ["c", "d"]

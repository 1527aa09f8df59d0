"""What many users own is read in turns."""

from __future__ import annotations

import asyncio

import pytest

from yarnhub.base.errors import DeadlineExceededError
from yarnhub.environments.published.fair_reading import AT_ONCE, OF_ONE, read_in_turns


async def test_every_owner_is_read_before_an_owner_has_a_second_turn() -> None:
    order = []

    async def read(item: str) -> str:
        order.append(item)
        return item

    items = {"alice": ["a1", "a2", "a3"], "bob": ["b1"], "carol": ["c1", "c2"]}
    found, unread = await read_in_turns(items, read, 10)
    assert order == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert (found, unread) == (order, {})


async def test_items_that_do_not_respond_keep_only_their_owner_waiting() -> None:
    begun = 0

    async def read(item: str) -> str:
        nonlocal begun
        if item == "hangs":
            begun += 1
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return item

    items = {"mallory": ["hangs"] * 200, "alice": ["a"] * 50, "bob": ["b"] * 50}
    found, unread = await read_in_turns(items, read, 1)
    assert sorted(found) == ["a"] * 50 + ["b"] * 50
    assert unread == {"mallory": 200}
    assert begun == OF_ONE


async def test_only_a_few_are_read_at_the_same_time() -> None:
    running = most = 0

    async def read(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    found, unread = await read_in_turns({str(n): range(20) for n in range(50)}, read, 60)
    assert (len(found), unread, most, running) == (1000, {}, AT_ONCE, 0)


async def test_an_error_is_not_taken_for_the_end_of_the_time() -> None:
    async def read(_: int) -> None:
        raise DeadlineExceededError("late")

    with pytest.raises(DeadlineExceededError, match="late"):
        await read_in_turns({"alice": [1]}, read, 60)


async def test_cancelling_ends_what_is_read() -> None:
    running = 0

    async def read(_: int) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    async with asyncio.TaskGroup() as group:
        task = group.create_task(read_in_turns({"alice": range(9)}, read, 60))
        while running < OF_ONE:
            await asyncio.sleep(0)
        task.cancel()
    assert running == 0

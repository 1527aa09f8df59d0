from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from yarnhub.base.errors import DeadlineExceededError
from yarnhub.base.time_limit import time_limit


@instant
async def test_what_takes_too_long_is_cancelled_and_said_in_words() -> None:
    said = ["nothing yet"]
    with pytest.raises(DeadlineExceededError, match="the queue is full") as caught:
        async with time_limit(5, lambda: said[-1]):
            said.append("the queue is full")
            await asyncio.sleep(10)
    assert isinstance(caught.value.__cause__, TimeoutError)
    async with time_limit(None, lambda: ""):
        await asyncio.sleep(10**6)


@instant
async def test_time_limits_within_the_block_are_its_own() -> None:
    with pytest.raises(TimeoutError, match="of the system") as caught:
        async with time_limit(5, lambda: "ours"):
            raise TimeoutError("of the system")
    assert not isinstance(caught.value, DeadlineExceededError)
    with pytest.raises(DeadlineExceededError, match="theirs"):
        async with time_limit(5, lambda: "ours"), time_limit(1, lambda: "theirs"):
            await asyncio.sleep(2)


@instant
async def test_cancelling_is_no_time_limit() -> None:
    async def wait() -> None:
        async with time_limit(5, lambda: "ours"):
            await asyncio.sleep(2)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()

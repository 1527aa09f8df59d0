from __future__ import annotations

import asyncio

import pytest

from yarnhub.base.errors import ConnectError
from yarnhub.base.tasks import task_group


async def fail(error: Exception) -> None:
    raise error


async def test_the_first_error_is_raised_alone() -> None:
    others_cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            others_cancelled.set()

    with pytest.raises(ConnectError, match="nobody"):
        async with task_group() as group:
            group.create_task(wait())
            await asyncio.sleep(0)
            group.create_task(fail(ConnectError("nobody there")))
    assert others_cancelled.is_set()


async def test_nested_groups_raise_one_error() -> None:
    with pytest.raises(ConnectError):
        async with task_group() as outer, task_group() as inner:
            inner.create_task(fail(ConnectError("nobody there")))
            outer.create_task(asyncio.Event().wait())


async def test_an_error_of_the_block_is_raised_alone() -> None:
    with pytest.raises(KeyError):
        async with task_group():
            raise KeyError("x")


async def test_cancelling_stays_a_cancellation() -> None:
    async def work() -> None:
        async with task_group() as group:
            group.create_task(asyncio.Event().wait())

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

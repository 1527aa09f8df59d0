"""A context manager that one task holds open for others."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import LocalProtocolError
from yarnhub.base.held_open import HeldOpen
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Managers:
    """What is entered and left, and by which tasks."""

    def __init__(self) -> None:
        self.by: list[asyncio.Task[object] | None] = []
        self.may_enter = asyncio.Event()
        self.may_enter.set()
        self.failure: Exception | None = None
        self.end = asyncio.Event()

    @contextlib.asynccontextmanager
    async def make(self) -> AsyncIterator[int]:
        await self.may_enter.wait()
        if self.failure is not None:
            raise self.failure
        self.by.append(asyncio.current_task())
        number = len(self.by)
        try:
            yield number
        finally:
            self.by.append(asyncio.current_task())


async def test_it_is_entered_once_and_left_by_the_same_task() -> None:
    managers = Managers()
    managers.may_enter.clear()
    async with HeldOpen(managers.make, "it") as held:
        async with task_group() as group:
            values = [group.create_task(held.value()) for _ in range(3)]
            await asyncio.sleep(0)
            values[0].cancel()
            managers.may_enter.set()
        assert [each.result() for each in values[1:]] == [1, 1]
        assert await held.value() == 1
    entered, left = managers.by
    assert entered is left is not asyncio.current_task()


async def test_nothing_is_entered_that_nobody_needs() -> None:
    managers = Managers()
    async with HeldOpen(managers.make, "it"):
        pass
    assert managers.by == []


async def test_a_failure_is_every_callers_and_the_next_call_tries_again() -> None:
    managers = Managers()
    managers.failure = ValueError("not now")
    async with HeldOpen(managers.make, "it") as held:
        for _ in range(2):
            with pytest.raises(ValueError, match="not now"):
                await held.value()
        managers.failure = None
        assert await held.value() == 1


async def test_a_close_ends_calls_that_wait() -> None:
    managers = Managers()
    managers.may_enter.clear()
    held = HeldOpen(managers.make, "it", leave=0.01)
    async with task_group() as group:
        waits = group.create_task(held.value())
        await asyncio.sleep(0)
        await held.aclose()
        with contextlib.suppress(asyncio.CancelledError):
            await waits
    assert waits.cancelled()
    with pytest.raises(LocalProtocolError):
        await held.value()

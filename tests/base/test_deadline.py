from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError, DeadlineExceededError
from yarnhub.base.tasks import task_group


@instant
async def test_what_takes_too_long_is_cancelled_and_said_in_words() -> None:
    said = ["nothing yet"]
    with pytest.raises(DeadlineExceededError, match="the queue is full") as caught:
        async with Deadline(5, lambda: said[-1]):
            said.append("the queue is full")
            await asyncio.sleep(10)
    assert isinstance(caught.value.__cause__, TimeoutError)
    async with Deadline(None, lambda: ""):
        await asyncio.sleep(10**6)


@instant
async def test_deadlines_within_the_block_are_its_own() -> None:
    with pytest.raises(TimeoutError, match="of the system") as caught:
        async with Deadline(5, lambda: "ours"):
            raise TimeoutError("of the system")
    assert not isinstance(caught.value, DeadlineExceededError)
    with pytest.raises(DeadlineExceededError, match="theirs"):
        async with Deadline(5, lambda: "ours"), Deadline(1, lambda: "theirs"):
            await asyncio.sleep(2)


@pytest.mark.parametrize("wrapped", [True, False])
@instant
async def test_the_cause_of_an_error_survives_deadlines_and_groups(*, wrapped: bool) -> None:
    refused = ConnectionRefusedError("Connection refused")

    async def connect() -> None:
        async with Deadline(1, "ours"):
            try:
                raise refused
            except OSError as error:
                raise ConnectError("nobody answers") from error

    async def look_up() -> None:
        async with task_group() as group, Deadline(3, "theirs"):
            group.create_task(asyncio.sleep(2))
            await connect() if wrapped else group.create_task(connect())

    with pytest.raises(ConnectError) as caught:
        async with Deadline(5, "of all"), task_group() as group:
            group.create_task(look_up())
    assert caught.value.__cause__ is refused
    assert caught.value.__suppress_context__
    assert not isinstance(caught.value.__context__, BaseExceptionGroup)


@instant
async def test_a_deadline_that_passes_in_a_group_keeps_its_cause() -> None:
    with pytest.raises(DeadlineExceededError, match="ours") as caught:
        async with task_group() as outer, task_group() as inner:
            outer.create_task(asyncio.sleep(100))
            async with Deadline(1, "ours"):
                await inner.create_task(asyncio.sleep(100))
    assert isinstance(caught.value.__cause__, TimeoutError)


@instant
async def test_an_error_of_the_caller_s_choice_is_raised() -> None:
    late = ConnectError("could not connect to rm:8032 within 5 s")
    with pytest.raises(ConnectError) as caught:
        async with Deadline(5, late):
            await asyncio.sleep(10)
    assert caught.value is late
    with pytest.raises(ConnectError, match="rm:8033"):
        async with Deadline(5, lambda: ConnectError("rm:8033")):
            await asyncio.sleep(10)


@instant
async def test_a_timeout_that_the_block_makes_of_being_cancelled_is_its_own() -> None:
    with pytest.raises(TimeoutError, match="of the block") as caught:
        async with Deadline(5, "ours"):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError as error:
                raise TimeoutError("of the block") from error
    assert not isinstance(caught.value, DeadlineExceededError)


@instant
async def test_a_deadline_can_be_moved() -> None:
    async with Deadline(5, "ours") as scope:
        scope.reschedule(None)
        await asyncio.sleep(10)


@instant
async def test_cancelling_passes_no_deadline() -> None:
    async def wait() -> None:
        async with Deadline(5, lambda: "ours"):
            await asyncio.sleep(2)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()

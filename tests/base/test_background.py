from __future__ import annotations

import asyncio

import pytest

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import LocalProtocolError
from yarnhub.base.tasks import task_group


async def fail() -> None:
    raise ZeroDivisionError("a bug")


async def test_an_error_is_logged_and_cancelling_is_none(caplog: pytest.LogCaptureFixture) -> None:
    tasks = BackgroundTasks()
    failing = tasks.start(fail(), "fail")
    waiting = tasks.start(asyncio.sleep(60), "wait")
    answering = tasks.start(asyncio.sleep(0, 42), "answer")
    await asyncio.wait([failing, answering])
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert answering.result() == 42
    (record,) = caplog.records
    assert record.getMessage() == "the task 'fail' has failed"
    assert record.exc_info
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_all_have_ended_when_their_owner_is_closed() -> None:
    cleaned_up = []

    async def work(tasks: BackgroundTasks) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            with pytest.raises(LocalProtocolError, match="cannot start"):
                _ = tasks.start(asyncio.sleep(0), "late")
            cleaned_up.append(1)

    async with BackgroundTasks() as tasks:
        for number in range(2):
            _ = tasks.start(work(tasks), f"work {number}")
        await asyncio.sleep(0)
    assert cleaned_up == [1, 1]


async def test_cancelling_does_not_leave_a_task_behind() -> None:
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            ended.set()

    tasks = BackgroundTasks()
    _ = tasks.start(work(), "work")
    await asyncio.sleep(0)
    async with task_group() as group:
        closing = group.create_task(tasks.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.sleep(0)
        assert not closing.done()
        may_end.set()
        await asyncio.wait([closing])
    assert closing.cancelled()
    assert ended.is_set()

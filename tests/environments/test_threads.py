from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from yarnhub.environments.threads import Stop, in_parser, in_thread


async def test_the_work_has_ended_when_a_cancellation_is_seen() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        begun.set()
        try:
            while True:
                stop.check()
        finally:
            ended.set()

    task = asyncio.get_running_loop().create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_second_cancellation_waits_for_the_work_too() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        begun.set()
        may_end.wait()
        ended.set()

    task = asyncio.get_running_loop().create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_results_and_errors() -> None:
    assert await in_thread(lambda _: 1) == 1

    def fail(stop: Stop) -> None:
        raise OSError("x")

    with pytest.raises(OSError, match="x"):
        await in_thread(fail)


async def test_one_document_is_parsed_at_a_time_and_nothing_else_waits_for_it() -> None:
    begun, may_end, parsed = threading.Event(), threading.Event(), list[int]()

    def parse(number: int) -> None:
        begun.set()
        may_end.wait()
        parsed.append(number)

    async with asyncio.TaskGroup() as group:
        group.create_task(in_parser(lambda: parse(1)))
        await asyncio.to_thread(begun.wait)
        begun.clear()
        others = [group.create_task(in_parser(functools.partial(parse, n))) for n in range(2, 100)]
        # Logins use the same threads as this.
        assert await asyncio.to_thread(len, parsed) == 0
        assert not begun.is_set()
        for each in others[1:]:
            each.cancel()
        await asyncio.wait(others[1:])
        may_end.set()
    assert parsed == [1, 2]

from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from yarnhub.appmaster.shell.heartbeat import EAGER_INTERVAL, IDLE_INTERVAL, HeartbeatTimer


async def waited(timer: HeartbeatTimer) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await timer.wait()
    return loop.time() - began


@instant
async def test_with_nothing_to_say_it_is_idle() -> None:
    timer = HeartbeatTimer()
    assert [await waited(timer) for _ in range(3)] == pytest.approx([IDLE_INTERVAL] * 3)


@instant
async def test_how_slow_it_gets_is_the_callers_choice() -> None:
    timer = HeartbeatTimer(5.0)
    timer.hasten(waiting=True)
    assert await waited(timer) == 0
    pauses = [await waited(timer) for _ in range(60)]
    assert pauses[0] == pytest.approx(EAGER_INTERVAL)
    assert pauses[-1] == pytest.approx(5.0)


@instant
async def test_something_to_say_is_said_at_once_and_once() -> None:
    timer = HeartbeatTimer()
    timer.hasten(waiting=False)
    timer.hasten(waiting=False)
    assert await waited(timer) == 0
    assert await waited(timer) == pytest.approx(IDLE_INTERVAL)


@instant
async def test_awaited_containers_make_it_eager_and_ever_less_so() -> None:
    timer = HeartbeatTimer()
    timer.hasten(waiting=True)
    assert await waited(timer) == 0
    pauses = [await waited(timer) for _ in range(40)]
    assert pauses[0] == pytest.approx(EAGER_INTERVAL)
    assert sorted(pauses) == pytest.approx(pauses)
    assert pauses[-1] == pytest.approx(IDLE_INTERVAL)


@instant
async def test_something_to_say_wakes_who_waits() -> None:
    timer = HeartbeatTimer()
    asyncio.get_running_loop().call_later(0.3, lambda: timer.hasten(waiting=False))
    assert await waited(timer) == pytest.approx(0.3)


@instant
async def test_cancelling_leaves_it_usable() -> None:
    timer = HeartbeatTimer()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await timer.wait()
    assert await waited(timer) == pytest.approx(IDLE_INTERVAL)

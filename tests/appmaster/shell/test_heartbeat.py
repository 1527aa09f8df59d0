from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from yarnhub.appmaster.shell.heartbeat import EAGER, IDLE, HeartbeatTimer


async def waited(pace: HeartbeatTimer) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pace.wait()
    return loop.time() - began


@instant
async def test_with_nothing_to_say_it_is_idle() -> None:
    pace = HeartbeatTimer()
    assert [await waited(pace) for _ in range(3)] == pytest.approx([IDLE] * 3)


@instant
async def test_how_slow_it_gets_is_the_callers_choice() -> None:
    pace = HeartbeatTimer(5.0)
    pace.hasten(waiting=True)
    assert await waited(pace) == 0
    pauses = [await waited(pace) for _ in range(30)]
    assert pauses[0] == pytest.approx(EAGER)
    assert pauses[-1] == pytest.approx(5.0)


@instant
async def test_something_to_say_is_said_at_once_and_once() -> None:
    pace = HeartbeatTimer()
    pace.hasten(waiting=False)
    pace.hasten(waiting=False)
    assert await waited(pace) == 0
    assert await waited(pace) == pytest.approx(IDLE)


@instant
async def test_awaited_containers_make_it_eager_and_ever_less_so() -> None:
    pace = HeartbeatTimer()
    pace.hasten(waiting=True)
    assert await waited(pace) == 0
    pauses = [await waited(pace) for _ in range(15)]
    assert pauses[0] == pytest.approx(EAGER)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(IDLE)


@instant
async def test_something_to_say_wakes_who_waits() -> None:
    pace = HeartbeatTimer()
    asyncio.get_running_loop().call_later(0.3, lambda: pace.hasten(waiting=False))
    assert await waited(pace) == pytest.approx(0.3)


@instant
async def test_cancelling_leaves_it_usable() -> None:
    pace = HeartbeatTimer()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await pace.wait()
    assert await waited(pace) == pytest.approx(IDLE)

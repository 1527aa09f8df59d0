from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from yarnhub.filesystem.threads import Calls


async def test_results_and_errors_come_back() -> None:
    calls = Calls("test")
    assert await calls.run(lambda: threading.current_thread().daemon) is True

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        await calls.run(fail)


async def test_a_call_that_was_given_up_can_be_waited_for() -> None:
    calls, release, ended = Calls("test"), threading.Event(), threading.Event()

    def call() -> None:
        release.wait(30)
        ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await calls.run(call)
    await calls.wait_for_abandoned(0.01)
    assert not ended.is_set()
    release.set()
    await calls.wait_for_abandoned(30)
    assert ended.is_set()


async def test_many_calls_that_hang_do_not_stop_others() -> None:
    calls, release = Calls("test"), threading.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(calls.run(release.wait))
        assert await calls.run(lambda: 1) == 1
        release.set()


def test_the_interpreter_ends_while_a_call_hangs() -> None:
    program = """
import asyncio, threading
from yarnhub.filesystem.threads import Calls
async def main():
    try:
        async with asyncio.timeout(0.05):
            await Calls("test").run(threading.Event().wait)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "given up\n"
    assert ended.stderr == ""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from appmaster.clock import instant
from yarnhub.base.errors import ConnectError
from yarnhub.base.single_flight import SingleFlight
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import Sequence


class Server:
    """Answers 1, 2, ... when it is let; an error is raised in the place of an answer."""

    def __init__(self, *answers: Exception) -> None:
        self.asked = 0
        self.given_up = 0
        self.answers = asyncio.Event()
        self._errors: Sequence[Exception] = answers

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.given_up += 1
            raise
        if number <= len(self._errors):
            raise self._errors[number - 1]
        return number


async def test_all_who_wait_share_one_look_up() -> None:
    server = Server()
    flight = SingleFlight(server.ask)
    async with task_group() as group:
        callers = [group.create_task(flight.get()) for _ in range(3)]
        await asyncio.sleep(0)
        assert flight.in_use
        server.answers.set()
    assert [each.result() for each in callers] == [1, 1, 1]
    assert not flight.in_use
    assert await flight.get() == 2


async def test_a_cancelled_caller_leaves_the_look_up_to_the_others() -> None:
    server = Server()
    flight = SingleFlight(server.ask)
    async with task_group() as group:
        first, second = group.create_task(flight.get()), group.create_task(flight.get())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert not second.done()
        server.answers.set()
    assert (first.cancelled(), second.result(), server.asked) == (True, 1, 1)


async def test_the_last_caller_s_cancellation_ends_the_look_up() -> None:
    server = Server()
    flight = SingleFlight(server.ask)
    async with task_group() as group:
        callers = [group.create_task(flight.get()) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for each in callers:
            each.cancel()
        await asyncio.sleep(0)
        late = group.create_task(flight.get())  # while the cancelled run cleans up
        await asyncio.wait(callers)
        assert server.given_up == 1, "it has cleaned up before its callers go on"
        server.answers.set()
    assert all(each.cancelled() for each in callers)
    assert late.result() == 2


async def test_a_caller_s_time_limit_is_its_own() -> None:
    server = Server()
    flight = SingleFlight(server.ask)
    async with task_group() as group:
        patient = group.create_task(flight.get())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await flight.get()
        server.answers.set()
    assert patient.result() == 1


async def test_an_error_is_raised_to_all_who_wait_and_not_kept() -> None:
    server = Server(ConnectError("nobody answers at rm:8032"))
    flight = SingleFlight(server.ask, fresh=60)

    async def failure() -> str:
        with pytest.raises(ConnectError) as caught:
            await flight.get()
        return str(caught.value)

    async with task_group() as group:
        callers = [group.create_task(failure()) for _ in range(2)]
        server.answers.set()
    assert [each.result() for each in callers] == ["nobody answers at rm:8032"] * 2
    assert await flight.get() == 2


@instant
async def test_an_answer_is_given_again_while_it_is_fresh() -> None:
    server = Server()
    server.answers.set()
    flight = SingleFlight(server.ask, fresh=60)
    assert await flight.get() == 1
    await asyncio.sleep(59)
    assert flight.in_use
    assert await flight.get() == 1
    await asyncio.sleep(2)
    assert not flight.in_use
    assert await flight.get() == 2


async def test_an_error_of_a_look_up_that_is_cancelled_is_not_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def look_up() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as error:
            raise ConnectionError("it broke while it was closed") from error

    caller = asyncio.get_running_loop().create_task(SingleFlight(look_up).get())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    gc.collect()
    assert not caplog.records

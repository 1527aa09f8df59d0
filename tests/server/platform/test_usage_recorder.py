"""Usage is stored exactly once, whatever happens to the process and the database."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from database.locations import BUSY
from server.platform.recording import recording
from watch.rows import STARTED
from yarnhub.base.errors import ConfigurationError, ConnectError
from yarnhub.database.usage import Query
from yarnhub.server.platform.usage_recorder import RecorderOptions
from yarnhub.watch.ledger import LONGEST
from yarnhub.watch.usage import HOUR

if TYPE_CHECKING:
    from database.locations import Place

TESTS = Path(__file__).parents[2]
PROGRAM = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from server.platform.recording import record_and_wait
asyncio.run(record_and_wait(*sys.argv[2:]))
"""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_is_killed_while_it_stores_counts_nothing_twice(
    place: Place, when: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, TESTS, place.url, when), stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    line = await process.stdout.readline()
    process.kill()
    assert (line, await process.wait()) == (b"now\n", -signal.SIGKILL)
    async with recording(place.location) as following:
        assert await following.totals() == ((10 if when == "before" else 30), 1)
        await following.record(3000, 50)
        assert following.recorder.failure is None
        assert await following.totals() == (50, 1)


async def test_usage_is_counted_while_the_database_is_away(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "yarnhub.server.platform.usage_recorder")
    async with recording(place.location, busy=BUSY) as process:
        await process.record(0, 0)
        with place.away():
            for number in (1, 2):
                await process.record(number * 60_000, number * 10)
                assert process.recorder.failure is not None
        await process.record(180_000, 30)
        assert process.recorder.failure is None
        assert await process.totals() == (30, 1)
        async with process.store.reading(10) as reading:
            found = await reading.gaps(STARTED, STARTED + 180_000, 9)
        assert found.longest == (), "the cluster was observed"
    said = [each.getMessage().partition(":")[0] for each in caplog.records]
    assert said == ["usage cannot be stored", "usage can be stored again"]


async def test_a_service_starts_without_its_database(place: Place) -> None:
    async with recording(place.location, busy=BUSY) as process:
        with place.away():
            await process.recorder.open()
            assert process.recorder.failure is not None
            await process.record(1000, 10)
            assert process.recorder.failure is not None
        await process.record(2000, 20)
        assert process.recorder.failure is None
        assert await process.totals() == (20, 1)


async def test_two_processes_count_everything_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with recording(place.location) as one, recording(place.location) as other:
        for number in range(8):
            process = one if number % 3 else other
            await process.record(number * 1000, number * 10)
        for process in (one, other):
            await process.record(9000, 90)
            await process.record(9001, 91)
        assert await one.totals() == (91, 1)
    assert "another process stores usage" in caplog.text


async def test_a_database_of_another_version_or_user_is_refused_at_the_start(
    place: Place, tmp_path: Path
) -> None:
    async with recording(place.location) as process:
        await process.recorder.open()
        async with process.recorder._database.writing() as connection:
            await connection.exec_driver_sql("UPDATE yarnhub_version SET version_num = 'newer'")
        with pytest.raises(ConfigurationError, match="newer"):
            await process.recorder.open()


async def test_times_without_looks_are_stored_as_gaps(place: Place) -> None:
    async with recording(place.location) as process:
        await process.record(0, 0)
        process.yarn.errors = [ConnectError("away")] * 9
        await process.record(1000, 10)
        process.yarn.errors.clear()
        await process.record(2 * LONGEST, 20)
        async with process.store.reading(10) as reading:
            found = await reading.gaps(STARTED, STARTED + 2 * LONGEST, 9)
        assert [(each.begin, each.end) for each in found.longest] == [
            (STARTED, STARTED + 2 * LONGEST)
        ]
        assert await process.totals() == (20, 1)


async def test_old_usage_is_deleted(place: Place) -> None:
    async with recording(place.location, RecorderOptions(hours=2)) as process:
        await process.record(1000, 10)
        await process.record(2 * HOUR, 10)
        assert await process.totals() == (10, 1)
        await process.record(4 * HOUR, 10)
        assert await process.totals() == (0, 0)


async def test_usage_is_recorded_until_the_service_stops(place: Place) -> None:
    async with recording(place.location, RecorderOptions(interval=0.001)) as process:
        await process.look(1000, 10)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            running = group.create_task(process.recorder.run())
            while process.recorder._ledger is None or await process.totals() != (10, 1):
                await asyncio.sleep(0.001)
            await process.look(2000, 30)
            while await process.totals() != (30, 1):
                await asyncio.sleep(0.001)
            running.cancel()
        assert process.recorder.failure is None


async def test_a_batch_whose_storing_is_cancelled_is_stored_once(place: Place) -> None:
    """At each statement: while the database executes it."""
    tasks: list[asyncio.Task[None]] = []  # with their errors, which refer to what they have used
    left = 0

    def cancel(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            tasks[-1].cancel()

    async with recording(place.location) as process:
        await process.record(0, 0)
        engine = process.recorder._database.engine.sync_engine
        for name in ("before_cursor_execute", "commit"):
            event.listen(engine, name, cancel)
        while left <= 0:
            left = len(tasks) + 1
            await process.look(left * 1000, left * 10)
            async with asyncio.TaskGroup() as group:
                tasks.append(group.create_task(process.recorder.record()))
            assert process.recorder.failure is None
        assert len(tasks) > 5
        assert await process.totals() == (len(tasks) * 10, 1)


async def test_sums_have_the_hours_of_the_use(place: Place) -> None:
    async with recording(place.location) as process:
        await process.record(1000, 10)
        await process.record(HOUR + 1000, 70)
        async with process.store.reading(10) as reading:
            query = Query(begin=0, end=STARTED + 9 * HOUR, step=HOUR)
            found = [each async for each in reading.sums(query) if each.measure == "memory-mb"]
    first = STARTED - STARTED % HOUR
    assert [each.time for each in found] == [first, first + HOUR]
    assert sum(each.amount for each in found) == 70

"""Usage in a database: batches are stored as in memory, and sums are what was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from watch.books import Books, batch_of
from watch.rows import STARTED, row
from yarnhub.database.errors import DatabaseUnavailableError
from yarnhub.database.usage import By, Query, UsageStore
from yarnhub.environments.published.usage import tag
from yarnhub.watch.ledger import LONGEST, Ledger, Stored
from yarnhub.watch.usage import HOUR, Gap
from yarnhub.yarn.records.applications import ApplicationResourceUsageReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from database.locations import Place
    from yarnhub.database.connections import Database
    from yarnhub.database.usage import Sum
    from yarnhub.watch.ledger import Batch
    from yarnhub.watch.table import Row

FOREVER = 10**15
SEEN = STARTED + 1000
MORNING = STARTED - STARTED % HOUR
GPU = ApplicationResourceUsageReport(application_resource_usage_map={"yarn.io/gpu": 7})


@pytest.fixture
def store(database: Database) -> UsageStore:
    return UsageStore(database)


async def sums(store: UsageStore, **changes: Any) -> list[Sum]:
    query = Query(**{"begin": 0, "end": FOREVER, **changes})
    async with store.reading(10) as reading:
        found = [each async for each in reading.sums(query)]
        assert await reading.count(query, 1000) == len({(each.name, each.time) for each in found})
        assert await reading.measures(query) == tuple(sorted({each.measure for each in found}))
    return found


async def amounts(store: UsageStore, **changes: Any) -> dict[Any, int]:
    """The MiB-seconds, by name and time if these are wanted."""
    found = [each for each in await sums(store, **changes) if each.measure == "memory-mb"]
    return {tuple(filter(None, (each.name, each.time))): each.amount for each in found}


async def kept(store: UsageStore, *looks: tuple[int, Iterable[Row]]) -> None:
    """Store a batch for each look, and have the same in memory."""
    books, ledger = Books(await store.load()), Ledger(await store.load())
    for number, (looked, rows) in enumerate(looks):
        batch = batch_of(ledger, f"{number} at {looked}", looked, *rows)
        assert await store.store(batch) is books.store(batch) is True
        ledger.stored()
        assert await store.load() == books.stored


def batch(stored: Stored, name: str, memory: int) -> Batch:
    return batch_of(Ledger(stored), name, SEEN + memory, row(1, SEEN + memory, memory))


async def test_what_is_stored_is_loaded(store: UsageStore) -> None:
    assert await store.load() == Stored()
    end = SEEN + 1000
    await kept(
        store,
        (SEEN, [row(1, SEEN, 10), row(2, SEEN, 5, app_resource_usage=GPU)]),
        (end, [row(1, end, 20), row(2, end, 7, ended=end)]),
        (end + LONGEST + 1, [row(1, end + LONGEST, 40)]),
    )
    stored = await store.load()
    assert [each.id for each in stored.counted] == [1]
    assert await amounts(store) == {(): 47}


async def test_a_batch_is_stored_once(store: UsageStore) -> None:
    first = batch(Stored(), "first", 10)
    assert await store.store(first)
    assert await store.store(first)
    assert await amounts(store) == {(): 10}


async def test_a_batch_of_another_process_is_refused(store: UsageStore) -> None:
    books = Books()
    for name, expected in (("mine", True), ("other's", False)):
        found = batch(Stored(), name, 10)
        assert await store.store(found) is books.store(found) is expected
    assert await store.load() == books.stored
    assert await amounts(store) == {(): 10}


async def test_a_batch_that_fails_changes_nothing(store: UsageStore, database: Database) -> None:
    async with database.writing() as connection:
        await connection.exec_driver_sql("DROP TABLE usage_gaps")
    with pytest.raises(DatabaseUnavailableError):
        gap = Ledger(Stored(first=1, last=1))
        await store.store(batch_of(gap, "a", SEEN, row(1, SEEN, 10)))
    assert await store.load() == Stored()
    assert await sums(store) == []


async def test_sums_by_each_dimension(store: UsageStore) -> None:
    key = "ab" * 32
    rows = [
        row(1, SEEN, 1),
        row(2, SEEN, 2, user="bob", queue="root.gpu"),
        row(3, SEEN, 4, application_type="skein", application_tags=(tag(key),)),
    ]
    await kept(store, (SEEN, rows))
    assert await amounts(store) == {(): 7}
    assert await amounts(store, by=By.USER) == {("alice",): 5, ("bob",): 2}
    assert await amounts(store, by=By.QUEUE) == {("root.default",): 5, ("root.gpu",): 2}
    assert await amounts(store, by=By.TYPE) == {("SPARK",): 3, ("skein",): 4}
    assert await amounts(store, by=By.ENVIRONMENT) == {(): 3, (key,): 4}
    assert await amounts(store, by=By.USER, user="bob") == {("bob",): 2}
    assert await amounts(store, user="nobody") == {}
    assert [(each.measure, each.amount) for each in await sums(store, user="bob")] == [
        ("#begun", 1),
        ("memory-mb", 2),
    ]


async def test_sums_by_hour_and_day_within_a_range(store: UsageStore) -> None:
    day = 24 * HOUR
    midnight = MORNING - MORNING % day + day
    at = [midnight - HOUR, midnight + 5, midnight + 30 * HOUR]
    rows = [row(n, each, 10**n, start_time=each) for n, each in enumerate(at)]
    await kept(store, (at[-1], rows))
    assert await amounts(store, step=HOUR) == {
        (midnight - HOUR,): 1,
        (midnight,): 10,
        (midnight + 30 * HOUR,): 100,
    }
    assert await amounts(store, step=day, by=By.USER) == {
        ("alice", midnight - day): 1,
        ("alice", midnight): 10,
        ("alice", midnight + day): 100,
    }
    assert await amounts(store, begin=midnight, end=midnight + 30 * HOUR) == {(): 10}


@pytest.mark.parametrize(
    ("queue", "found"),
    [
        ("default", 1),
        ("root.default", 1),
        ("fruit.apples", 6),  # a report may have the name only
        ("root.fruit.apples", 6),
        ("apples", 6),
        ("Default", 0),
        ("efault", 0),
        ("%", 0),
        ("_pples", 0),
    ],
)
async def test_a_queue_is_found_by_name_or_path(store: UsageStore, queue: str, found: int) -> None:
    rows = [
        row(1, SEEN, 1),
        row(2, SEEN, 2, queue="root.fruit.apples"),
        row(3, SEEN, 4, queue="apples"),
    ]
    await kept(store, (SEEN, rows))
    assert sum((await amounts(store, queue=queue)).values()) == found


async def test_gaps_are_those_within_a_range(store: UsageStore) -> None:
    gap = Gap(SEEN + LONGEST, SEEN + 5 * LONGEST)
    await kept(store, (SEEN, []), (gap.begin, []), (gap.end, []))

    async def gaps(begin: int, end: int, most: int = 9) -> tuple[list[Gap], int]:
        async with store.reading(10) as reading:
            found = await reading.gaps(begin, end, most)
        return list(found.longest), found.total

    assert await gaps(SEEN, gap.end) == ([gap], 4 * LONGEST)
    inside = Gap(gap.begin + 1, gap.end - 1)
    assert await gaps(*(inside.begin, inside.end)) == ([inside], inside.end - inside.begin)
    assert await gaps(SEEN, gap.begin) == ([], 0)
    before, after = Gap(SEEN - 9, SEEN), Gap(gap.end, gap.end + LONGEST + 1)
    total = 9 + 4 * LONGEST + LONGEST + 1
    assert await gaps(before.begin, after.end) == ([before, gap, after], total)
    assert await gaps(before.begin, before.end - 1) == ([Gap(SEEN - 9, SEEN - 1)], 8)
    assert await gaps(SEEN, gap.end + LONGEST, most=0) == ([], 4 * LONGEST)


async def test_before_the_first_batch_all_is_a_gap(store: UsageStore) -> None:
    async with store.reading(10) as reading:
        assert await reading.gaps(5, 9, 9) == ((Gap(5, 9),), 4)


async def test_old_usage_is_deleted_in_small_steps(store: UsageStore) -> None:
    begin = MORNING - 60 * HOUR
    old = row(1, MORNING - HOUR, 59_000, start_time=begin, user="old", ended=MORNING - HOUR)
    now = MORNING + 2 * LONGEST
    await kept(store, (MORNING - LONGEST - 1, [old]), (MORNING, [row(2, MORNING, 5)]))
    await kept(store, (now, [row(2, now, 9)]))
    steps = 1
    while await store.delete_before(MORNING):
        steps += 1
        assert sum((await amounts(store, user="old")).values()) == 59_000 - 24_000 * (steps - 1)
    assert steps == 3
    assert await amounts(store, by=By.USER) == {("alice",): 9}
    stored = await store.load()
    assert {each.user for each in stored.groups} == {"alice"}
    async with store.reading(10) as reading:
        assert (await reading.gaps(MORNING, now, 9)).longest == (Gap(MORNING, now),)


async def test_a_database_that_is_away_comes_back(place: Place, store: UsageStore) -> None:
    first, second = batch(Stored(), "first", 10), Stored(batch="first")
    assert await store.store(first)
    with place.away(), pytest.raises(DatabaseUnavailableError):
        await store.store(batch(second, "second", 5))
    assert await store.store(batch(second, "second", 5))
    assert await amounts(store) == {(): 15}

"""The ledger: whatever happens to batches and processes, each use is counted once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from watch.books import Books, observe, recorded, store
from watch.rows import STARTED, row
from yarnhub.environments.published.usage import tag
from yarnhub.watch.ledger import (
    BEGUN,
    ENDED,
    LONGEST,
    OTHER_TYPE,
    Amount,
    Group,
    Ledger,
    Stored,
)
from yarnhub.watch.usage import HOUR, Gap, Observation
from yarnhub.watch.visibility import hidden
from yarnhub.yarn.records.applications import ApplicationResourceUsageReport
from yarnhub.yarn.records.resources import MEMORY

ALICE = Group("alice", "root.default", "SPARK")
SEEN = STARTED + 1000


def test_usage_is_counted_by_hour_user_queue_type_and_environment() -> None:
    key = "ab" * 32
    begin = STARTED - STARTED % HOUR
    tagged = row(1, begin + 90 * 60_000, 3000, start_time=begin, application_tags=("x", tag(key)))
    group = ALICE._replace(environment=key)
    books = recorded((SEEN, [tagged]))
    assert books.amounts == {
        Amount(begin, group, BEGUN): 1,
        Amount(begin, group, MEMORY): 2000,
        Amount(begin + HOUR, group, MEMORY): 1000,
    }


def test_all_resource_types_are_counted() -> None:
    usage = ApplicationResourceUsageReport(
        vcore_seconds=5, application_resource_usage_map={"yarn.io/gpu": 7}
    )
    books = recorded((SEEN, [row(1, SEEN, app_resource_usage=usage)]))
    assert (books.total("vcores"), books.total("yarn.io/gpu")) == (5, 7)


def test_the_begin_and_the_end_are_counted_once_in_their_hours() -> None:
    end = STARTED + HOUR
    running, ended = row(1, SEEN), row(1, end + 5000, ended=end)
    again = row(1, end + 9000, ended=end, diagnostics="log aggregation")
    books = recorded((SEEN, [running]), (end + 5000, [ended]), (end + 9000, [again]))
    hour = STARTED - STARTED % HOUR
    assert books.amounts == {Amount(hour, ALICE, BEGUN): 1, Amount(hour + HOUR, ALICE, ENDED): 1}


def test_what_is_released_at_the_end_is_counted() -> None:
    end = SEEN + 1000
    books = recorded(
        (SEEN, [row(1, SEEN, 10)]),
        (end, [row(1, end, 20, ended=end)]),
        (end + 1000, [row(1, end + 1000, 25, ended=end)]),
    )
    assert books.total() == 25


def test_time_without_containers_gets_no_usage() -> None:
    late = SEEN + 10 * HOUR
    books = recorded(
        (SEEN, [row(1, SEEN)]), (late, [row(1, late)]), (late + 9, [row(1, late + 9, 77)])
    )
    (found,) = (each for each in books.amounts if each.measure == MEMORY)
    assert found.hour == late - late % HOUR


def test_a_move_to_another_queue_counts_from_then_on() -> None:
    later = SEEN + 1000
    books = recorded((SEEN, [row(1, SEEN, 10)]), (later, [row(1, later, 15, queue="root.moved")]))
    by_queue = {each.group.queue: n for each, n in books.amounts.items() if each.measure == MEMORY}
    assert by_queue == {"root.default": 10, "root.moved": 5}
    assert books.total(BEGUN) == 1


def test_hidden_applications_are_counted_without_their_usage() -> None:
    shown, later = row(1, SEEN, 10), SEEN + 1000
    not_shown = replace(row(1, later, 99), report=hidden(row(1, later, 99).report))
    books = recorded((SEEN, [shown]), (later, [not_shown]), (later + 1, [row(1, later + 1, 30)]))
    assert (books.total(), books.total(BEGUN)) == (30, 1)


@given(data=st.data())
def test_no_crash_counts_anything_twice_or_not_at_all(data: st.DataObject) -> None:
    """Observing, storing, storing without knowing it, and new processes, in any order."""
    books, now, counters = Books(), SEEN, {1: 0, 2: 0, 3: 0}
    ends = dict.fromkeys(counters, 0)
    ledger = Ledger(books.stored, max_pending=data.draw(st.integers(1, 20)))
    steps = st.sampled_from(["observe", "store", "unknown", "lost", "crash", "use", "end"])
    for name, step in enumerate(data.draw(st.lists(steps, max_size=30))):
        now += data.draw(st.integers(1, 2 * HOUR))
        match step:
            case "use":
                for number in [each for each in counters if not ends[each]]:
                    counters[number] += data.draw(st.integers(0, 1000))
            case "end":
                ends[data.draw(st.sampled_from([*counters]))] = now
            case "observe":
                observe(ledger, now, *(row(n, now, counters[n], ended=ends[n]) for n in counters))
            case "crash":
                ledger = Ledger(books.stored)
            case _:
                batch = ledger.batch(f"{name}")
                if batch is not None and step != "lost":
                    assert books.store(batch)
                    if step == "store":
                        ledger.stored()
    now += 1
    store(ledger, books)
    observe(ledger, now, *(row(n, now, counters[n], ended=ends[n]) for n in counters))
    store(ledger, books)
    assert books.total() == sum(counters.values())
    assert books.total(BEGUN) == len(counters)
    assert books.total(ENDED) == sum(map(bool, ends.values()))


def test_of_two_processes_one_counts_again() -> None:
    books = Books()
    one, other = Ledger(books.stored), Ledger(books.stored)
    for each in (one, other):
        observe(each, SEEN, row(1, SEEN, 10))
    store(one, books)
    batch = other.batch("other")
    assert batch is not None
    assert not books.store(batch)
    other = Ledger(books.stored)
    observe(other, SEEN + 1, row(1, SEEN + 1, 12))
    store(other, books)
    assert books.total() == 12


def test_what_has_left_the_table_is_forgotten_and_does_not_count_again() -> None:
    end = SEEN + 1000
    gone, stays = row(1, end, 10, ended=end), row(2, end, 20, ended=end + 1)
    books = recorded((end, [gone, stays]), (end + 2, [stays]))
    assert [each.id for each in books.stored.counted] == [2]
    ledger = Ledger(books.stored)
    # YARN still reports it, because its logs are not aggregated, to a table that is not full.
    observe(ledger, end + 3, gone, stays)
    store(ledger, books)
    assert (books.total(), books.total(BEGUN), books.total(ENDED)) == (30, 2, 2)


def test_an_application_without_a_record_is_remembered_for_a_day() -> None:
    day = 24 * HOUR
    lost = (SEEN, [row(1, SEEN, 10)])
    back = SEEN + day
    books = recorded(lost, (SEEN + day, []), (back + 1, [row(1, back + 1, 12)]))
    assert (books.total(), books.total(BEGUN)) == (12, 1)
    assert not recorded(lost, (SEEN + day, []), (SEEN + day + 1, [])).stored.counted


def test_times_without_looks_are_gaps_across_processes_too() -> None:
    books = recorded((SEEN, []), (SEEN + LONGEST, []), (SEEN + 2 * LONGEST + 1, []))
    assert books.gaps == [Gap(SEEN + LONGEST, SEEN + 2 * LONGEST + 1)]
    later = books.stored.last + LONGEST + 1 if books.stored.last else 0
    ledger = Ledger(books.stored)
    observe(ledger, later)
    store(ledger, books)
    assert books.gaps[1:] == [Gap(later - LONGEST - 1, later)]
    assert (books.stored.first, books.stored.last) == (SEEN, later)


def test_too_much_that_waits_becomes_a_gap() -> None:
    ledger, books = Ledger(Stored(), max_pending=2), Books()
    for look in range(10):
        seen = SEEN + look * LONGEST
        observe(ledger, seen, row(1, seen, 10 * (look + 1)))
    store(ledger, books)
    assert (books.stored.last, books.total()) == (SEEN, 10)
    observe(ledger, SEEN + 10 * LONGEST, row(1, SEEN + 10 * LONGEST, 500))
    store(ledger, books)
    assert books.gaps == [Gap(SEEN, SEEN + 10 * LONGEST)]
    assert books.total() == 500


def test_a_look_that_is_known_is_not_counted_again() -> None:
    ledger, books = Ledger(Stored()), Books()
    observe(ledger, SEEN, row(1, SEEN, 10))
    store(ledger, books)
    observe(ledger, SEEN, row(1, SEEN, 10))
    assert ledger.batch("b") is None


def test_users_cannot_make_up_groups_without_end() -> None:
    rows = [row(n, SEEN, 1, application_type=f"T{n}") for n in range(6)]
    rows.append(row(7, SEEN, 1, user="bob", application_type="T7"))
    stored = Stored(groups=frozenset({ALICE}))
    ledger, books = Ledger(stored, max_groups=3), Books(stored)
    observe(ledger, SEEN, *rows)
    store(ledger, books)
    types = Counter(each.group for each in books.amounts.elements() if each.measure == MEMORY)
    assert {each.application_type: n for each, n in types.items()} == {
        "T0": 1,
        "T1": 1,
        OTHER_TYPE: 4,
        "T7": 1,
    }


def test_what_a_database_cannot_store_is_replaced() -> None:
    strange = row(1, SEEN, 1, application_type="a\0b\ud800", queue="q" * 1000)
    (group,) = {each.group for each in recorded((SEEN, [strange])).amounts}
    assert (group.application_type, group.queue) == ("a\ufffdb\ufffd", "q" * 256)


def test_only_keys_of_environments_are_environments() -> None:
    tags = (tag("zz"), tag("AB" * 32), f"x{tag('ab' * 32)}")
    (group,) = {
        each.group for each in recorded((SEEN, [row(1, SEEN, application_tags=tags)])).amounts
    }
    assert group.environment == ""


def test_a_long_table_is_counted_in_parts() -> None:
    rows = [row(n, SEEN, 1) for n in range(1000)]
    ledger, books = Ledger(Stored()), Books()
    parts = ledger.observe(rows, SEEN)
    next(parts)
    parts.close()  # as if it were cancelled
    assert ledger.batch("early") is None
    observe(ledger, SEEN, *rows)
    store(ledger, books)
    assert (books.total(), books.total(BEGUN)) == (1000, 1000)


def test_counters_are_kept_with_what_they_have_added() -> None:
    ledger = Ledger(Stored())
    observe(ledger, SEEN, row(1, SEEN, 10))
    batch = ledger.batch("a")
    assert batch is not None
    observe(ledger, SEEN + 1, row(1, SEEN + 1, 99))
    assert ledger.batch("b") is batch, "it may be stored already"
    (counted,) = batch.counted.values()
    assert counted.observation == Observation.of(row(1, SEEN, 10).report, SEEN)
    assert sum(n for each, n in batch.increases.items() if each.measure == MEMORY) == 10

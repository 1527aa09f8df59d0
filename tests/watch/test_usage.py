"""Usage from counters: nothing is lost or counted twice, and each hour has its part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from yarnhub.hadoop.codec import decode
from yarnhub.watch.usage import HOUR, Coverage, Gap, Observation, usage_between
from yarnhub.watch.visibility import hidden
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationAttemptId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.watch.usage import HourlyUsage

GPU = "yarn.io/gpu"
# memory_seconds, vcore_seconds, and fields 12 and 13 as Hadoop 3.4 writes them.
WIRE = (
    b"\x30\x80\x08\x38\x02"
    b"\x62\x0e\x0a\x09memory-mb\x10\x80\x08"
    b"\x62\x0f\x0a\x0byarn.io/gpu\x10\x2a"
    b"\x6a\x0f\x0a\x0byarn.io/gpu\x10\x07"
)


def observation(seen: int, held: int = 1, **counters: int) -> Observation:
    return Observation(seen, counters, dict.fromkeys(counters, held))


def total(hours: Iterable[HourlyUsage]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in hours:
        for name, amount in each.amounts.items():
            found[name] = found.get(name, 0) + amount
    return found


def report(**changes: Any) -> ApplicationReport:
    attempt = ApplicationAttemptId(attempt_id=1)
    known = ApplicationReport(
        yarn_application_state=YarnApplicationState.RUNNING, current_application_attempt_id=attempt
    )
    return replace(known, **changes)


@given(
    times=st.lists(st.integers(0, 10 * HOUR), min_size=1, max_size=8).map(sorted),
    growth=st.lists(st.integers(0, 10**9), min_size=8, max_size=8),
)
def test_hours_add_up_to_the_counter(times: list[int], growth: list[int]) -> None:
    before, value, hours = None, 0, []
    for seen, more in zip(times, growth, strict=False):
        value += more
        after = observation(seen, memory=value)
        hours += usage_between(before, after, start=0)
        before = after
    assert total(hours).get("memory", 0) == value
    assert all(each.hour % HOUR == 0 and 0 <= each.hour <= times[-1] for each in hours)
    assert all(amount > 0 for each in hours for amount in each.amounts.values())


def test_each_hour_has_its_part() -> None:
    before = observation(HOUR // 2, memory=100)
    after = observation(2 * HOUR + HOUR // 4, memory=100 + 700, gpu=7)
    hours = usage_between(before, after, start=0)
    assert [(each.hour, dict(each.amounts)) for each in hours] == [
        (0, {"memory": 200, "gpu": 2}),
        (HOUR, {"memory": 400, "gpu": 4}),
        (2 * HOUR, {"memory": 100, "gpu": 1}),
    ]


def test_without_an_earlier_observation_all_is_new_since_the_start() -> None:
    hours = usage_between(None, observation(2 * HOUR, memory=10), start=0)
    assert [(each.hour, each.amounts["memory"]) for each in hours] == [(0, 5), (HOUR, 5)]


def test_a_start_that_is_not_known_is_not_half_a_million_hours_ago() -> None:
    hours = usage_between(None, observation(500_000 * HOUR, memory=10**9), start=0)
    assert total(hours) == {"memory": 10**9}
    assert len(hours) == 366 * 24


def test_no_time_has_passed() -> None:
    # The clocks of the ResourceManager and of this machine differ.
    hours = usage_between(observation(HOUR, memory=1), observation(HOUR - 9, memory=4), start=0)
    assert [(each.hour, each.amounts["memory"]) for each in hours] == [(HOUR, 3)]


def test_counters_that_start_again_count_in_full() -> None:
    # GPUs have not become fewer, but have started again with the others.
    before = observation(0, held=10, memory=900, gpu=5)
    after = observation(60_000, held=10, memory=300, gpu=7)
    assert total(usage_between(before, after, start=0)) == {"memory": 300, "gpu": 7}


def test_what_was_counted_before_a_restart_is_not_counted_twice() -> None:
    # It had ended containers, which the new ResourceManager does not count; of the running ones it
    # counts all since their start.
    before = observation(0, held=2, memory=900)
    after = observation(60_000, held=3, memory=500)
    assert total(usage_between(before, after, start=0)) == {"memory": 180}


def test_a_resource_type_that_is_not_counted_anymore() -> None:
    before, after = observation(0, memory=1, gpu=5), observation(1000, memory=2)
    assert total(usage_between(before, after, start=0)) == {"memory": 1}


def test_all_resource_types_of_a_report_are_observed() -> None:
    found = Observation.of(
        report(app_resource_usage=decode(ApplicationResourceUsageReport, WIRE)), 9
    )
    assert found is not None
    assert dict(found.counters) == {"memory-mb": 1024, "vcores": 2, GPU: 42}
    assert found.seen == 9


def test_what_is_held_is_observed() -> None:
    usage = ApplicationResourceUsageReport(used_resources=Resource(memory=64, virtual_cores=2))
    found = Observation.of(report(app_resource_usage=usage), 9)
    assert found is not None
    assert dict(found.held) == {"memory-mb": 64, "vcores": 2}


def test_nothing_is_used_after_the_end() -> None:
    usage = ApplicationResourceUsageReport(used_resources=Resource(memory=-1, virtual_cores=-1))
    ended = report(
        yarn_application_state=YarnApplicationState.FAILED, finish_time=5, app_resource_usage=usage
    )
    found = Observation.of(ended, 9)
    assert found is not None
    assert (found.seen, dict(found.held)) == (5, {"memory-mb": 0, "vcores": 0})


def test_what_is_hidden_is_not_observed() -> None:
    # YARN may send counters of another application.
    usage = ApplicationResourceUsageReport(num_used_containers=-1, memory_seconds=77)
    assert Observation.of(replace(hidden(report()), app_resource_usage=usage), 9) is None


def test_without_an_attempt_there_is_nothing_to_observe() -> None:
    assert Observation.of(report(current_application_attempt_id=None), 9) is None


def test_gaps() -> None:
    coverage = Coverage(longest=10)
    assert [coverage.seen(now) for now in (100, 110, 121, 122)] == [None, None, Gap(110, 121), None]

"""The table of applications: its versions, its changes and its bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hadoop.server import TOKEN
from yarnhub.watch.table import ApplicationTable
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    ApplicationTimeout,
    ApplicationTimeoutType,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationId


def number(each: int) -> ApplicationId:
    return ApplicationId(id=each, cluster_timestamp=1)


def report(each: int, state: str = "RUNNING", **changes: Any) -> ApplicationReport:
    known = ApplicationReport(
        application_id=number(each), yarn_application_state=YarnApplicationState[state]
    )
    return replace(known, **changes)


def ended(each: int, at: int) -> ApplicationReport:
    return report(each, "FINISHED", finish_time=at)


def ids(table: ApplicationTable) -> set[int]:
    return {row.report.application_id.id for row in table}


def reports_of(table: ApplicationTable) -> dict[ApplicationId, ApplicationReport]:
    return {row.report.application_id: row.report for row in table}


REPORTS = st.builds(
    lambda each, state, at: report(each, state, finish_time=at if state == "KILLED" else 0),
    st.integers(1, 12),
    st.sampled_from(["ACCEPTED", "RUNNING", "KILLED"]),
    st.integers(1, 50),
)


@given(
    responses=st.lists(st.lists(REPORTS, max_size=8), max_size=15),
    removed=st.lists(st.integers(1, 12), max_size=5),
    reads=st.sets(st.integers(0, 15)),
)
def test_changes_lead_from_any_version_to_the_table(
    responses: list[list[ApplicationReport]], removed: list[int], reads: set[int]
) -> None:
    table = ApplicationTable(max_ended=4, max_changes=6)
    mirror: dict[ApplicationId, ApplicationReport] = {}
    version = 0
    for step, response in enumerate([*responses, []]):
        table.put(response, step)
        if step < len(removed):
            table.remove([number(removed[step])])
        if step not in reads and step < len(responses):
            continue  # the subscriber is slow
        changes = table.changes(version)
        if changes.start_over:
            mirror = reports_of(table)
        for each in changes.reports:
            mirror[each.application_id] = each
        for gone in changes.removed:
            mirror.pop(gone, None)
        version = changes.version
        assert mirror == reports_of(table)
    assert table.changes(table.version).reports == ()


@given(
    applications=st.lists(st.integers(1, 20), unique=True, max_size=20),
    cuts=st.sets(st.integers(0, 20)),
)
def test_one_response_is_as_good_as_many(applications: list[int], cuts: set[int]) -> None:
    reports = [ended(each, at=each % 3) if each % 2 else report(each) for each in applications]
    whole, parts = ApplicationTable(max_ended=5), ApplicationTable(max_ended=5)
    whole.put(reports, 1)
    part: list[ApplicationReport] = []
    for position, each in enumerate(reports):
        part.append(each)
        if position in cuts:
            parts.put(part, 1)
            part = []
    parts.put(part, 1)
    assert reports_of(parts) == reports_of(whole)
    assert (
        set(parts.open)
        == set(whole.open)
        == {number(each) for each in applications if not each % 2}
    )


def test_the_ones_that_ended_first_are_removed() -> None:
    table = ApplicationTable(max_ended=2)
    table.put([report(9), ended(1, at=10), ended(2, at=30)], 0)
    version = table.version
    table.put([ended(3, at=20)], 0)
    assert ids(table) == {9, 2, 3}
    changes = table.changes(version)
    assert [each.application_id.id for each in changes.reports] == [3]
    assert changes.removed == (number(1),)
    version = table.version
    table.put([ended(1, at=10)], 0)  # listed again
    assert (table.version, ids(table)) == (version, {9, 2, 3})


def test_counters_are_no_change() -> None:
    table = ApplicationTable()
    table.put([report(1)], 5)
    version = table.version
    usage = ApplicationResourceUsageReport(
        memory_seconds=7, application_resource_usage_map={"yarn.io/gpu": 3}
    )
    table.put([report(1, app_resource_usage=usage)], 6)
    row = table.get(number(1))
    assert row is not None
    assert (row.report.app_resource_usage, row.seen) == (usage, 6)
    assert (table.version, row.version) == (version, version)
    table.put([report(1, app_resource_usage=replace(usage, num_used_containers=2))], 7)
    assert table.version > version


def test_the_time_that_is_left_is_no_change() -> None:
    table = ApplicationTable()
    for left in (10, 9):
        limit = ApplicationTimeout(expire_time="2026-12-01", remaining_time=left)
        table.put([report(1, app_timeouts={ApplicationTimeoutType.LIFETIME: limit})], 0)
    assert table.version == 1


def test_tokens_and_long_addresses_are_not_kept() -> None:
    table = ApplicationTable()
    url = "http://" + "x" * 5000
    table.put([report(1, client_to_am_token=TOKEN, am_rm_token=TOKEN, tracking_url=url)], 0)
    row = table.get(number(1))
    assert row is not None
    assert row.report == report(1)


def test_long_names_and_diagnostics_are_cut_and_stay_unchanged() -> None:
    table = ApplicationTable()
    long = report(1, name="x" * 10_000, diagnostics="y" * 100_000)
    table.put([long], 0)
    (kept,) = reports_of(table).values()
    assert (len(kept.name), len(kept.diagnostics)) == (1024, 4096)
    assert kept.diagnostics.endswith("y...")
    version = table.version
    table.put([long], 1)
    assert table.version == version


def test_a_subscriber_of_another_process_starts_over() -> None:
    table = ApplicationTable(version=1000)
    table.put([report(1)], 0)
    assert table.changes(999).start_over
    assert table.changes(1002).start_over
    assert [each.application_id.id for each in table.changes(1000).reports] == [1]


def test_an_end_may_be_taken_back() -> None:
    # The ResourceManager died before it had stored it.
    table = ApplicationTable()
    table.put([ended(1, at=10)], 0)
    assert table.open == set()
    table.put([report(1)], 0)
    assert table.open == {number(1)}
    table.put([ended(1, at=20)], 0)
    assert table.open == set()

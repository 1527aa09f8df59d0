"""Pages of applications: what is in them, in which order, and that they are made once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.watch import views as module
from yarnhub.watch.kinds import Kind
from yarnhub.watch.table import ApplicationTable
from yarnhub.watch.views import Column, Page, View, Views, page, select
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.watch.table import Row

STATES = list(YarnApplicationState)


def report(number: int, state: str = "RUNNING", **changes: Any) -> ApplicationReport:
    known = ApplicationReport(
        application_id=ApplicationId(id=number, cluster_timestamp=1),
        yarn_application_state=YarnApplicationState[state],
        user="alice",
        queue="root.fruit.apples",
        name=f"Application {number}",
        application_type="SPARK",
    )
    return replace(known, **changes)


def table(*reports: ApplicationReport) -> ApplicationTable:
    found = ApplicationTable()
    found.put(reports, 0)
    return found


def ids(found: Page) -> list[int]:
    return [row.report.application_id.id for row in found.rows]


def selected(view: View, *reports: ApplicationReport) -> list[int]:
    return ids(Views(table(*reports)).page(view))


MIXED = (
    report(1, "FINISHED", finish_time=100, name="Étude", application_tags=("yarnhub-env:x",)),
    report(2, "RUNNING", start_time=5, user="bob"),
    report(3, "ACCEPTED", start_time=9, queue="root.fruit.bananas"),
    report(4, "KILLED", finish_time=200, application_type="DASK"),
    report(5, "SUBMITTED", start_time=4),
    report(6, "RUNNING", start_time=7),
    report(7, "NEW", start_time=4),
)


def test_the_waiting_ones_are_first_then_the_running_ones() -> None:
    assert selected(View(), *MIXED) == [5, 7, 3, 6, 2, 4, 1]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (View(text="ÉTUDE"), [1]),
        (View(text="application_1_0002"), [2]),
        (View(text="bob"), [2]),
        (View(text="bananas"), [3]),
        (View(text="env:x"), [1]),
        (View(text="dask"), [4]),
        (View(text=" spark  fruit étude"), [1]),
        (View(text="spark bob étude"), []),
        (View(states=frozenset({YarnApplicationState.KILLED, YarnApplicationState.NEW})), [7, 4]),
        (View(user="bob"), [2]),
        (View(user="bo"), []),
        (View(queue="bananas"), [3]),
        (View(queue="root.fruit.bananas"), [3]),
        (View(queue="fruit"), []),
    ],
)
def test_filters(view: View, expected: list[int]) -> None:
    assert selected(view, *MIXED) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column.ID, [1, 2, 3, 4, 5, 6, 7]),
        (Column.NAME, [2, 3, 4, 5, 6, 7, 1]),
        (Column.USER, [1, 3, 4, 5, 6, 7, 2]),
        (Column.QUEUE, [1, 2, 4, 5, 6, 7, 3]),
        (Column.TYPE, [4, 1, 2, 3, 5, 6, 7]),
        (Column.STATE, [7, 5, 3, 2, 6, 1, 4]),
        (Column.STARTED, [1, 4, 5, 7, 2, 6, 3]),
        (Column.FINISHED, [2, 3, 5, 6, 7, 1, 4]),
    ],
)
def test_columns(column: Column, expected: list[int]) -> None:
    assert selected(View(column=column), *MIXED) == expected


@given(
    users=st.lists(st.sampled_from("abc"), max_size=30),
    column=st.sampled_from(Column),
    descending=st.booleans(),
    size=st.integers(1, 7),
    random=st.randoms(use_true_random=False),
)
def test_pages_together_are_the_view_in_a_stable_order(
    users: list[str], column: Column, descending: bool, size: int, random: Any
) -> None:
    reports = [report(each, user=user) for each, user in enumerate(users, start=1)]
    view = View(column=column, descending=descending)
    rows = select(table(*reports), view)
    random.shuffle(reports)
    assert [each.report for each in select(table(*reports), view)] == [each.report for each in rows]
    pages = [page(rows, 1, first, size) for first in range(0, len(rows) + size, size)]
    assert [row for each in pages for row in each.rows] == rows
    assert {each.total for each in pages} == {len(users)}
    if column is Column.USER:
        expected = sorted(enumerate(users, start=1), key=lambda each: each[1], reverse=descending)
        assert [row.report.application_id.id for row in rows] == [each for each, _ in expected]


def test_a_view_is_made_once_per_version(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[View] = []

    def counted(rows: ApplicationTable, view: View) -> Any:
        made.append(view)
        return select(rows, view)

    monkeypatch.setattr(module, "select", counted)
    known = table(*MIXED)
    views = Views(known)
    alice, bob = View(user="alice"), View(user="bob")
    for view in (alice, alice, bob, alice, bob):
        views.page(view, first=1, size=2)
    assert made == [alice, bob]
    known.put([report(8)], 0)
    assert views.page(alice).total == 7
    assert made == [alice, bob, alice]


def test_views_that_are_not_used_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_VIEWS", 2)
    views = Views(table(*MIXED))
    for text in ("a", "b", "a", "c"):
        views.page(View(text=text))
    assert [each.text for each in views._selected] == ["a", "c"]


def test_the_counters_of_a_page_are_the_latest() -> None:
    known = table(report(1))
    views = Views(known)
    assert views.page(View()).rows[0].seen == 0
    usage = ApplicationResourceUsageReport(memory_seconds=5)
    known.put([report(1, app_resource_usage=usage)], 7)
    (row,) = views.page(View()).rows
    assert (row.seen, row.report.app_resource_usage) == (7, usage)


def test_a_page_after_the_last_one_is_empty() -> None:
    assert Views(table(*MIXED)).page(View(), first=50) == Page(1, 50, 7, ())


def test_a_view_has_what_applications_are_for() -> None:
    kernel, other = report(1, application_type="skein", application_tags=("kernel",)), report(2)
    assert selected(View(kinds=frozenset({Kind.KERNEL})), kernel, other) == [1]
    assert selected(View(kinds=frozenset({Kind.KERNEL, Kind.SPARK})), kernel, other) == [1, 2]


def test_views_of_a_user_are_selected_from_the_user_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[list[int]] = []

    def counted(rows: Iterable[Row], view: View) -> Any:
        looked.append([each.report.application_id.id for each in rows])
        return select(rows, view)

    monkeypatch.setattr(module, "select", counted)
    known = table(*MIXED)
    views = Views(known)
    assert ids(views.page(View(user="bob"))) == [2]
    assert views.page(View(user="nobody")).total == 0
    known.put([report(8, user="bob")], 0)
    assert ids(views.page(View(user="bob"))) == [2, 8]
    assert looked == [[2], [], [2, 8]]

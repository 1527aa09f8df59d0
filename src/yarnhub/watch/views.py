"""Filtered, sorted pages of a table of applications; no I/O."""

from __future__ import annotations

import enum
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from yarnhub.watch.kinds import kind_of
from yarnhub.yarn.queues.tree import is_same_queue
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from yarnhub.watch.kinds import Kind
    from yarnhub.watch.table import ApplicationTable, Row
    from yarnhub.yarn.records.applications import ApplicationReport

_MAX_VIEWS = 64
"""Views that are cached; each holds a reference for each of its applications."""


class Column(enum.Enum):
    """What applications are sorted by. YARN shows all of it to all users."""

    ATTENTION = "attention"
    """The waiting ones first, the one that has waited longest at the top; then the running ones,
    and then the ended ones, the latest at the top."""
    ID = "id"
    NAME = "name"
    USER = "user"
    QUEUE = "queue"
    TYPE = "type"
    STATE = "state"
    STARTED = "started"
    FINISHED = "finished"
    """Those that have not ended are before the ended ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A filter and an order; the defaults filter nothing.

    Attributes:
        text: Words that each must be in the id, name, user, queue, type or a tag, in any case.
        states: The states; empty for all.
        user: The owner.
        queue: The queue's name or path.
        kinds: What they are for; empty for all.
        column: What to sort by; applications that are equal in it are sorted by id.
        descending: Whether the greatest is first.
    """

    text: str = ""
    states: frozenset[YarnApplicationState] = frozenset()
    user: str = ""
    queue: str = ""
    kinds: frozenset[Kind] = frozenset()
    column: Column = Column.ATTENTION
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a view.

    Attributes:
        version: The version of the table.
        first: The position of the first application, from 0.
        total: The number of applications in the view.
        rows: The applications.
    """

    version: int
    first: int
    total: int
    rows: tuple[Row, ...]


def select(rows: Iterable[Row], view: View) -> list[Row]:
    """The applications that pass the filter, in order."""
    words = view.text.casefold().split()
    found = [
        row
        for row in rows
        if (not view.states or row.report.yarn_application_state in view.states)
        and (not view.user or row.report.user == view.user)
        and (not view.queue or is_same_queue(row.report.queue, view.queue))
        and all(word in row.text for word in words)
        and (not view.kinds or kind_of(row.report) in view.kinds)
    ]
    found.sort(key=_by_id)
    # Sorting is stable, in reverse as well: equal ones remain sorted by id.
    found.sort(key=_key(view.column), reverse=view.descending)
    return found


def page(rows: Sequence[Row], version: int, first: int, size: int) -> Page:
    """A page of applications in order.

    Args:
        rows: All applications of the view.
        version: The version of the table.
        first: The position of the first application. After the last one, the page is empty.
        size: The greatest number of applications.
    """
    return Page(version, first, len(rows), tuple(rows[first : first + size]))


class Views:
    """Pages of a table; each view is selected and sorted once per version.

    The same view serves all users, since it depends only on what all can see. What a user can see
    of the rows of a page is up to the caller: see `visibility.visible`.

    Args:
        table: The table.
    """

    def __init__(self, table: ApplicationTable) -> None:
        self._table = table
        self._version = table.version
        self._selected: dict[View, list[Row]] = {}
        self._owned: dict[str, list[Row]] | None = None

    def has(self, view: View) -> bool:
        """Whether a view of the current version has been selected and sorted."""
        return self._version == self._table.version and view in self._selected

    def page(self, view: View, first: int = 0, size: int = 50) -> Page:
        """A page of the table; for the arguments see the function `page`."""
        self._forget_old()
        selected = self._selected.pop(view, None)
        if selected is None:
            selected = select(self._of(view.user) if view.user else self._table, view)
        self._selected[view] = selected  # the last one to be used
        if len(self._selected) > _MAX_VIEWS:
            del self._selected[next(iter(self._selected))]
        found = page(selected, self._version, first, size)
        return replace(found, rows=tuple(filter(None, map(self._latest, found.rows))))

    def _forget_old(self) -> None:
        if self._version != self._table.version:
            self._version = self._table.version
            self._selected.clear()
            self._owned = None

    def _of(self, user: str) -> list[Row]:
        if self._owned is None:
            owned: defaultdict[str, list[Row]] = defaultdict(list)
            for row in self._table:
                owned[row.report.user].append(row)
            self._owned = dict(owned)
        return self._owned.get(user, [])

    def _latest(self, row: Row) -> Row | None:
        """The same application with its latest counters, which are replaced within a version."""
        return self._table.get(row.report.application_id)


def _by_id(row: Row) -> tuple[int, int]:
    number = row.report.application_id
    return number.cluster_timestamp, number.id


def _key(column: Column) -> Callable[[Row], tuple[int | str, ...]]:
    match column:
        case Column.ATTENTION:
            return lambda row: _attention(row.report)
        case Column.ID:
            return _by_id
        case Column.NAME:
            return lambda row: (row.report.name.casefold(),)
        case Column.USER:
            return lambda row: (row.report.user,)
        case Column.QUEUE:
            return lambda row: (row.report.queue,)
        case Column.TYPE:
            return lambda row: (row.report.application_type.casefold(),)
        case Column.STATE:
            return lambda row: (row.report.yarn_application_state,)
        case Column.STARTED:
            return lambda row: (row.report.start_time,)
        case Column.FINISHED:
            return lambda row: (row.report.yarn_application_state.ended, row.report.finish_time)
    assert_never(column)


def _attention(report: ApplicationReport) -> tuple[int, int]:
    state = report.yarn_application_state
    if state.ended:
        return 2, -report.finish_time
    if state is YarnApplicationState.RUNNING:
        return 1, -report.start_time
    return 0, report.start_time

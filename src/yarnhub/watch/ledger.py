"""What all applications have used, in hourly buckets that are to be stored; no I/O.

A bucket only grows. To count nothing twice, the counters of each application are stored with the
buckets to which their increase was added, in one batch.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from yarnhub.watch.usage import HOUR, Coverage, Gap, Observation, usage_between

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from yarnhub.watch.table import Row
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

BEGUN, ENDED = "#begun", "#ended"
"""Measures next to resource types, whose names in YARN begin with a letter or digit."""
OTHER_TYPE = "(other)"
"""The type of a user's applications above `MAX_GROUPS`."""
LONGEST = 90_000
"""The longest time between two observations that is not a gap, in ms: three batches."""
MAX_PENDING = 20_000
"""Amounts and forgotten applications that wait to be stored: some hours of a busy cluster."""
MAX_GROUPS = 1000
"""Combinations of queue, type and environment of a user: users can make up types and tags."""
_MAX_TEXT = 256
"""Characters of a user, queue, type or resource type."""
_MAX_AMOUNT = 1 << 53
"""Of one increase. The sum of many must be a number of 64 bits, in the database as well."""
_GRACE = 24 * HOUR
"""For how long an application is remembered of which the ResourceManager has no record."""
_AT_ONCE = 200
"""Applications that are counted before other tasks run: a few milliseconds."""
_ENVIRONMENT = re.compile(r"yarnhub-env:([0-9a-f]{64})")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""PostgreSQL refuses texts with these."""


class Group(NamedTuple):
    """Whose usage it is. `environment` is the key in the application's tag, or empty."""

    user: str
    queue: str
    application_type: str
    environment: str = ""


class Amount(NamedTuple):
    """The key of a number in a bucket.

    Attributes:
        hour: The start of the hour in UTC, ms since 1970.
        group: Whose usage it is.
        measure: A resource type by YARN's name, whose amounts are multiplied by seconds, memory in
            MiB; or `BEGUN` or `ENDED`, for a number of applications.
    """

    hour: int
    group: Group
    measure: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How far an application was counted.

    Attributes:
        seen: When it was last reported, ms since 1970.
        ended: Its end, ms since 1970; None if it had not ended.
        observation: Its counters; None if they were not visible.
    """

    seen: int
    ended: int | None = None
    observation: Observation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was stored by all batches.

    Attributes:
        batch: The name of the last batch; empty before the first one.
        first: The first observation of the cluster, ms since 1970; None before the first one.
        last: The last one.
        settled: Applications that ended until then and are not in `counted` were counted.
        counted: How far the applications were counted.
        groups: The groups in buckets.
    """

    batch: str = ""
    first: int | None = None
    last: int | None = None
    settled: int = 0
    counted: Mapping[ApplicationId, Counted] = field(default_factory=dict)
    groups: frozenset[Group] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is stored together, or not at all.

    Attributes:
        name: Its own name; if it is the last one that was stored, it must not be stored again.
        previous: The name of the batch that has to be the last one before it.
        first: See `Stored`.
        last: See `Stored`.
        settled: See `Stored`.
        increases: What is added to the buckets.
        counted: The applications that replace those stored before.
        forgotten: The applications that are deleted.
        gaps: Times in which the cluster was not observed.
    """

    name: str
    previous: str
    first: int
    last: int
    settled: int
    increases: Mapping[Amount, int]
    counted: Mapping[ApplicationId, Counted]
    forgotten: frozenset[ApplicationId]
    gaps: tuple[Gap, ...]


class Ledger:
    """Counts applications since they were last stored, and makes batches of that.

    A batch remains the same until it is stored, because an attempt to store it may have succeeded
    although it seemed to fail. What is counted in the meantime is in the next one. If too much
    waits to be stored, `observe` does nothing: applications are counted later, with a gap.

    Args:
        stored: What was stored before.
        max_pending: Parts of the next batch above which nothing is counted.
        max_groups: Combinations of queue, type and environment of a user.
    """

    def __init__(
        self, stored: Stored, *, max_pending: int = MAX_PENDING, max_groups: int = MAX_GROUPS
    ) -> None:
        self._stored = stored
        self._max_pending = max_pending
        self._max_groups = max_groups
        self._first, self._last, self._settled = stored.first, stored.last, stored.settled
        self._counted = dict(stored.counted)
        self._reports: dict[ApplicationId, ApplicationReport] = {}
        """Of ended applications, to recognize those that have not changed."""
        self._groups: defaultdict[str, set[Group]] = defaultdict(set)
        for each in stored.groups:
            self._groups[each.user].add(each)
        self._coverage = Coverage(LONGEST, stored.last)
        self._batch: Batch | None = None
        self._pending = _Pending()

    def observe(self, rows: Sequence[Row], looked: int) -> Generator[None, None, None]:
        """Count what the applications have used since they were last counted.

        Args:
            rows: All applications of the table.
            looked: When they were listed, ms since 1970.

        Yields:
            From time to time, so that the caller can let other tasks run. If the caller stops, the
            other applications are counted by the next call.
        """
        if self._pending.size >= self._max_pending or looked == self._last:
            return
        for number, row in enumerate(rows):
            self._count(row)
            if number % _AT_ONCE == _AT_ONCE - 1:
                yield
        self._forget({row.report.application_id for row in rows}, looked)
        if (gap := self._coverage.seen(looked)) is not None:
            self._pending.gaps.append(gap)
        self._first = looked if self._first is None else self._first
        self._last = looked

    def batch(self, name: str) -> Batch | None:
        """The batch to store next; None if nothing was observed.

        Args:
            name: A name that no batch has had, in case it is a new one.
        """
        if self._batch is None and self._last not in (None, self._stored.last):
            assert self._first is not None
            assert self._last is not None
            pending, self._pending = self._pending, _Pending()
            self._batch = Batch(
                name=name,
                previous=self._stored.batch,
                first=self._first,
                last=self._last,
                settled=self._settled,
                increases=pending.increases,
                counted=pending.counted,
                forgotten=frozenset(pending.forgotten),
                gaps=tuple(pending.gaps),
            )
        return self._batch

    def stored(self) -> None:
        """Note that the batch was stored."""
        assert self._batch is not None
        self._stored = replace(self._stored, batch=self._batch.name, last=self._batch.last)
        self._batch = None

    def _count(self, row: Row) -> None:
        report = row.report
        number = report.application_id
        before = self._counted.get(number)
        ended = None
        if report.yarn_application_state.ended:
            if self._reports.get(number) is report:
                return
            self._reports[number] = report
            ended = report.finish_time or row.seen
            if before is None and ended <= self._settled:
                return
        start = report.start_time if report.start_time > 0 else row.seen
        group = self._group(report)
        if before is None:
            self._add(start, group, BEGUN, 1)
        if ended is not None and (before is None or before.ended is None):
            self._add(ended, group, ENDED, 1)
        last = None if before is None else before.observation
        observation = Observation.of(report, row.seen)
        if observation is None:
            observation = last
        else:
            for hourly in usage_between(last, observation, start):
                for measure, amount in hourly.amounts.items():
                    self._add(hourly.hour, group, _text(measure), amount)
        counted = Counted(row.seen, ended, observation)
        if counted != before:
            self._counted[number] = self._pending.counted[number] = counted
            self._pending.forgotten.discard(number)

    def _add(self, time: int, group: Group, measure: str, amount: int) -> None:
        if amount > 0:
            key = Amount(time - time % HOUR, group, measure)
            increases = self._pending.increases
            increases[key] = min(increases.get(key, 0) + amount, _MAX_AMOUNT)

    def _group(self, report: ApplicationReport) -> Group:
        keys = (_ENVIRONMENT.fullmatch(tag) for tag in report.application_tags)
        found = Group(
            _text(report.user),
            _text(report.queue),
            _text(report.application_type),
            min((each[1] for each in keys if each is not None), default=""),
        )
        known = self._groups[found.user]
        if found not in known and len(known) >= self._max_groups:
            found = Group(found.user, found.queue, OTHER_TYPE)
        known.add(found)
        return found

    def _forget(self, present: set[ApplicationId], looked: int) -> None:
        """Forget applications that are not in the table anymore.

        The table has removed the ones that ended first, or a new table lacks those that YARN has
        forgotten. If one of them comes back, `settled` shows that it was counted.
        """
        for number in self._counted.keys() - present:
            counted = self._counted[number]
            if counted.ended is None and looked - counted.seen <= _GRACE:
                continue
            if counted.ended is not None:
                self._settled = max(self._settled, counted.ended)
            del self._counted[number]
            self._reports.pop(number, None)
            self._pending.counted.pop(number, None)
            self._pending.forgotten.add(number)


@dataclass
class _Pending:
    """What the next batch has."""

    increases: dict[Amount, int] = field(default_factory=dict)
    counted: dict[ApplicationId, Counted] = field(default_factory=dict)
    forgotten: set[ApplicationId] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How much grows as long as nothing can be stored."""
        return len(self.increases) + len(self.forgotten) + len(self.gaps)


def _text(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text[:_MAX_TEXT])

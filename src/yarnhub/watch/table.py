"""The applications of a cluster as the ResourceManager last reported them; no I/O, no clock."""

from __future__ import annotations

import bisect
import dataclasses
import functools
import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from yarnhub.yarn.records.applications import ApplicationReport, ApplicationResourceUsageReport
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

T = TypeVar("T")

MAX_ENDED = 10_000
"""Ended applications that are kept: ten times what a ResourceManager keeps by default
(`yarn.resourcemanager.max-completed-applications`)."""
MAX_CHANGES = 1000
"""Applications of one `Changes`, and removed applications that are remembered."""
_MAX_ADDRESS = 2048
"""Characters of a host or URL. ApplicationMasters register them, and YARN accepts any length."""
_ADDRESSES = ("host", "tracking_url", "original_tracking_url")
_MAX_TEXT = {"name": 1024, "diagnostics": 4096}
"""Characters that are kept. YARN accepts names of any length, and 64 KiB of diagnostics."""


@dataclass(frozen=True, slots=True)
class Row:
    """An application.

    Attributes:
        report: The latest report, without tokens, the remaining time of time limits, and host and
            URLs that are too long; a long name and long diagnostics are cut, and end with `...`.
        version: The version of the table in which it last changed.
        seen: When the report was received, ms since 1970.
        text: The text to search: id, name, user, queue, type and tags, in lower case.
    """

    report: ApplicationReport
    version: int
    seen: int
    text: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two versions of a table.

    Attributes:
        version: The later version.
        reports: The applications that have changed, in the order of their last changes.
        removed: The applications that are not in the table anymore.
        start_over: Whether the difference is unknown or too large, and the whole table must be read
            instead.
    """

    version: int
    reports: tuple[ApplicationReport, ...] = ()
    removed: tuple[ApplicationId, ...] = ()
    start_over: bool = False


class ApplicationTable:
    """The applications by id, with the version in which each last changed.

    The version increases with each response that changes something. Only the counters of resources
    are replaced without a new version, since they grow as long as an application runs.

    Args:
        version: The first version. A process that continues another one's sequence passes a higher
            number than any before, such as ms since 1970.
        max_ended: Ended applications that are kept; the ones that ended first are removed.
        max_changes: Applications of one `Changes`.
    """

    def __init__(
        self, *, version: int = 0, max_ended: int = MAX_ENDED, max_changes: int = MAX_CHANGES
    ) -> None:
        self.version = version
        self._max_ended = max_ended
        self._max_changes = max_changes
        self._rows: dict[ApplicationId, Row] = {}  # in the order of their versions
        self._open: set[ApplicationId] = set()
        self._ended: list[_End] = []  # sorted
        self._removed: dict[ApplicationId, int] = {}  # in the order of their versions
        self._oldest = version
        """The oldest version whose changes are known."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def get(self, application_id: ApplicationId) -> Row | None:
        """An application; None if it is not in the table."""
        return self._rows.get(application_id)

    @property
    def open(self) -> Collection[ApplicationId]:
        """The applications that had not ended when they were last reported."""
        return self._open

    def put(self, reports: Iterable[ApplicationReport], seen: int) -> None:
        """Replace applications by newer reports.

        If the table is full, applications that ended before all the ended ones in it are ignored.

        Args:
            reports: A response of the ResourceManager, received after all earlier ones.
            seen: Now, ms since 1970.
        """
        version = self.version + 1
        for report in reports:
            last = self._rows.get(report.application_id)
            if last is None and self._is_too_old(report):
                continue
            self._put(_kept(report), last, version, seen)
        while len(self._ended) > self._max_ended:
            self._remove(self._ended[0].application_id, version)

    def remove(self, application_ids: Iterable[ApplicationId]) -> None:
        """Remove applications of which the ResourceManager has no record."""
        version = self.version + 1
        for each in application_ids:
            self._remove(each, version)

    def changes(self, since: int) -> Changes:
        """What has changed after a version."""
        start_over = Changes(self.version, start_over=True)
        if not self._oldest <= since <= self.version:
            return start_over
        reports: list[ApplicationReport] = []
        for row in reversed(self._rows.values()):
            if row.version <= since:
                break
            if len(reports) == self._max_changes:
                return start_over
            reports.append(row.report)
        removed = tuple(each for each, version in self._removed.items() if version > since)
        return Changes(self.version, tuple(reversed(reports)), removed)

    def _put(self, report: ApplicationReport, last: Row | None, version: int, seen: int) -> None:
        number = report.application_id
        if last is not None and _shown(last.report) == _shown(report):
            # What is equal is kept: new objects would be work for the garbage collector.
            latest = last.report if last.report == report else report
            self._rows[number] = replace(last, report=latest, seen=seen)
            return
        if last is not None:
            self._drop(last.report)
        if report.yarn_application_state.ended:
            report = _compact(report)
        self._rows[number] = Row(report, version, seen, _text(report))  # the last to change
        self._removed.pop(number, None)
        if report.yarn_application_state.ended:
            bisect.insort(self._ended, _End.of(report))
        else:
            self._open.add(number)
        self.version = version

    def _is_too_old(self, report: ApplicationReport) -> bool:
        full = len(self._ended) >= self._max_ended
        return report.yarn_application_state.ended and full and _End.of(report) < self._ended[0]

    def _remove(self, number: ApplicationId, version: int) -> None:
        if number not in self._rows:
            return
        self._drop(self._rows[number].report)
        self._removed[number] = self.version = version
        if len(self._removed) > self._max_changes:
            self._oldest = self._removed.pop(next(iter(self._removed)))

    def _drop(self, report: ApplicationReport) -> None:
        del self._rows[report.application_id]
        self._open.discard(report.application_id)
        if report.yarn_application_state.ended:
            del self._ended[bisect.bisect_left(self._ended, _End.of(report))]


class _End(NamedTuple):
    """The end of an application; sorts by time."""

    finish_time: int
    cluster_timestamp: int
    number: int

    @classmethod
    def of(cls, report: ApplicationReport) -> _End:
        each = report.application_id
        return cls(report.finish_time, each.cluster_timestamp, each.id)

    @property
    def application_id(self) -> ApplicationId:
        return ApplicationId(id=self.number, cluster_timestamp=self.cluster_timestamp)


_COUNTERS = frozenset(
    {
        "memory_seconds",
        "vcore_seconds",
        "preempted_memory_seconds",
        "preempted_vcore_seconds",
        "application_resource_usage_map",
        "application_preempted_resource_usage_map",
    }
)
_USAGE = "app_resource_usage"
_shown = operator.attrgetter(
    *(each.name for each in dataclasses.fields(ApplicationReport) if each.name != _USAGE),
    *(
        f"{_USAGE}.{each.name}"
        for each in dataclasses.fields(ApplicationResourceUsageReport)
        if each.name not in _COUNTERS
    ),
)
"""What makes a new version of an application."""


def _kept(report: ApplicationReport) -> ApplicationReport:
    changes: dict[str, Any] = {  # Any: fields of the report
        name: "" for name in _ADDRESSES if len(getattr(report, name)) > _MAX_ADDRESS
    }
    for name, most in _MAX_TEXT.items():
        if len(text := getattr(report, name)) > most:
            changes[name] = f"{text[: most - 3]}..."
    if report.client_to_am_token is not None or report.am_rm_token is not None:
        changes |= {"client_to_am_token": None, "am_rm_token": None}
    if report.app_timeouts:
        changes["app_timeouts"] = {
            kind: replace(each, remaining_time=None) for kind, each in report.app_timeouts.items()
        }
    return replace(report, **changes) if changes else report


@functools.lru_cache(4096)
def _shared(value: T) -> T:
    """The first of equal values."""
    return value


def _compact(report: ApplicationReport) -> ApplicationReport:
    """An equal report that shares parts with others: a third of the memory and of the objects.

    Ended applications are many, and hold nothing.
    """
    usage = report.app_resource_usage
    return replace(
        report,
        user=_shared(report.user),
        queue=_shared(report.queue),
        application_type=_shared(report.application_type),
        application_tags=tuple(map(_shared, report.application_tags)),
        priority=_shared(report.priority),
        app_resource_usage=replace(
            usage,
            used_resources=_shared(usage.used_resources),
            reserved_resources=_shared(usage.reserved_resources),
            needed_resources=_shared(usage.needed_resources),
        ),
    )


def _text(report: ApplicationReport) -> str:
    return "\n".join(
        (
            str(report.application_id),
            report.name,
            report.user,
            report.queue,
            report.application_type,
            *report.application_tags,
        )
    ).casefold()

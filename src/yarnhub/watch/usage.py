"""The resources that applications use over time, from the counters of their reports; no I/O.

The ResourceManager counts per application: resource-seconds since its start, which remain after the
end. When it is restarted, it counts what the running containers have used since they started, but
not what containers of a running ApplicationMaster had used that have ended. So a counter can become
smaller, and not start at 0.

Source: SchedulerApplicationAttempt.getRunningAggregateAppResourceUsage, RMAppAttemptImpl.recover
(Hadoop 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yarnhub.yarn.records.applications import ApplicationReport

HOUR = 3_600_000
"""Milliseconds."""
_MAX_TIME = 366 * 24 * HOUR
"""The longest time that usage is spread over: a start of 0 would be half a million hours ago."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The counters of an application at a time.

    Attributes:
        seen: When they were reported, ms since 1970.
        counters: Amount times seconds of each resource type by YARN's names, memory in MiB.
        held: The amounts that it held at the time.
    """

    seen: int
    counters: Mapping[str, int]
    held: Mapping[str, int]

    @classmethod
    def of(cls, report: ApplicationReport, seen: int) -> Observation | None:
        """The counters of a report; None if the caller may not view them, or there are none.

        Then the attempt is -1, and YARN sends counters of 0 or of another application. Fields 6 and
        7 are entries of field 12, which early versions of Hadoop lack.

        Source: RMAppImpl.createAndGetApplicationReport, RMAppAttemptImpl (Hadoop 3.4).
        """
        attempt, usage = report.current_application_attempt_id, report.app_resource_usage
        if attempt is None or attempt.attempt_id < 0:
            return None
        counters = {
            **usage.application_resource_usage_map,
            MEMORY: usage.memory_seconds,
            VCORES: usage.vcore_seconds,
        }
        if report.finish_time:
            seen = min(seen, report.finish_time)  # nothing is used after the end
        # After the end, YARN reports -1.
        held = {name: max(0, value) for name, value in usage.used_resources.amounts().items()}
        return cls(seen, MappingProxyType(counters), MappingProxyType(held))


@dataclass(frozen=True, slots=True)
class HourlyUsage:
    """What an application used within an hour.

    Attributes:
        hour: The start of the hour in UTC, ms since 1970.
        amounts: Amount times seconds of each resource type.
    """

    hour: int
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without reports, ms since 1970: usage within it is known only in total."""

    begin: int
    end: int


def usage_between(before: Observation | None, after: Observation, start: int) -> list[HourlyUsage]:
    """What an application used between two observations, evenly spread over the time.

    If a counter has become smaller, all have started again. Then their values are the usage, but
    not more than the application can have used by what it held before and after.

    Args:
        before: The earlier one; None if there is none, and all of its usage is new.
        after: The later one.
        start: The application's start, ms since 1970.
    """
    if before is None:
        return list(_by_hour(after.counters, start, after.seen))
    return list(_by_hour(_used(before, after), before.seen, after.seen))


def _used(before: Observation, after: Observation) -> dict[str, int]:
    used = {name: value - before.counters.get(name, 0) for name, value in after.counters.items()}
    if all(value >= 0 for value in used.values()):
        return used
    passed = max(0, after.seen - before.seen)
    return {
        name: min(value, max(before.held.get(name, 0), after.held.get(name, 0)) * passed // 1000)
        for name, value in after.counters.items()
    }


def _by_hour(amounts: Mapping[str, int], begin: int, end: int) -> Iterator[HourlyUsage]:
    """Divide amounts; the parts add up exactly."""
    end = max(begin, end)  # the clocks of this machine and the ResourceManager may differ
    begin = max(begin, end - _MAX_TIME)
    counted = dict.fromkeys(amounts, 0)
    for hour in range(begin - begin % HOUR, end + 1, HOUR):
        passed = min(hour + HOUR, end) - begin
        so_far = {
            name: amount * passed // (end - begin) if end > begin else amount
            for name, amount in amounts.items()
        }
        part = {name: so_far[name] - counted[name] for name in amounts}
        counted = so_far
        if any(part.values()):
            yield HourlyUsage(hour, MappingProxyType({k: v for k, v in part.items() if v}))


class Coverage:
    """Finds the times without reports.

    Args:
        longest: The longest time between two listings that is not a gap, in ms.
        last: The last listing of an earlier process, ms since 1970; None if there was none.
    """

    def __init__(self, longest: int, last: int | None = None) -> None:
        self._longest = longest
        self._last = last

    def seen(self, now: int) -> Gap | None:
        """Note that all applications were listed.

        Args:
            now: ms since 1970.

        Returns:
            The gap that has ended now, if there was one.
        """
        last, self._last = self._last, now
        if last is None or now - last <= self._longest:
            return None
        return Gap(last, now)

"""Usage as its page shows it: in hours, the largest first, and as a chart of stacked bars."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.server.platform.pages.words import span
from yarnhub.server.platform.usage import Step
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.server.platform.usage_documents import Amounts, Usage, UsageGap, UsageSeries

MOST = 8
"""Series that have a color of their own in the chart; the others are added up."""
_GAPS = 3
"""Gaps that a sentence names."""
_HOUR = 3600
_LENGTHS = {Step.HOUR: dt.timedelta(hours=1), Step.DAY: dt.timedelta(days=1)}
_YARN = "yarn.io/"
"""The namespace of resource types that YARN defines."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that applications use.

    Attributes:
        name: The resource type.
        title: Its name for people.
        unit: What is counted.
        size: How much of the API's document is one of it.
    """

    name: str
    title: str
    unit: str
    size: int = _HOUR

    def of(self, amounts: Amounts) -> float:
        """How much was used."""
        basic = {MEMORY: amounts.memory_seconds, VCORES: amounts.vcore_seconds}
        return (basic | amounts.resources).get(self.name, 0) / self.size


_BASIC = (
    Measure(MEMORY, "Memory", "GiB hours", 1024 * _HOUR),
    Measure(VCORES, "Vcores", "vcore hours"),
)


def measures(names: Iterable[str]) -> tuple[Measure, ...]:
    """Memory, vcores, and other resource types, by their names."""
    others = sorted({*names} - {each.name for each in _BASIC})
    return *_BASIC, *map(_measure, others)


def _measure(name: str) -> Measure:
    title = name.removeprefix(_YARN).upper() if name.startswith(_YARN) else name
    return Measure(name, title, f"{title} hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageChart:
    """Usage over time, of one measure.

    Attributes:
        found: The usage.
        measure: The measure.
        step: The time of a bar.
        ranked: All series, the largest first.
        largest: The series that the chart shows by themselves.
        others: The series that it adds up.
    """

    found: Usage
    measure: Measure
    step: Step
    ranked: tuple[UsageSeries, ...]
    largest: tuple[UsageSeries, ...]
    others: tuple[UsageSeries, ...]

    @classmethod
    def of(cls, found: Usage, measure: Measure, step: Step) -> UsageChart:
        """The chart of what was found, with points for each step."""
        ranked = sorted(found.series, key=lambda each: (-measure.of(each.total), each.name))
        drawn = tuple(each for each in ranked if measure.of(each.total))
        return cls(
            found=found,
            measure=measure,
            step=step,
            ranked=tuple(ranked),
            largest=drawn[:MOST],
            others=drawn[MOST:],
        )

    def data(self) -> str:
        """What the script draws, as JSON: without names, and without bars of nothing.

        Times are seconds since 1970; `series` has lists of pairs of a bar's position from 0 and
        its amount, the largest series first and the others last.
        """
        length, begin = _LENGTHS[self.step], self.found.begin
        groups: list[tuple[UsageSeries, ...]] = [(each,) for each in self.largest]
        if self.others:
            groups.append(self.others)
        document = {
            "begin": int(begin.timestamp()),
            "step": int(length.total_seconds()),
            "count": -((begin - self.found.end) // length),
            "series": [self._bars(each) for each in groups],
            "gaps": [[each.begin.timestamp(), each.end.timestamp()] for each in self.found.gaps],
        }
        return json.dumps(document, separators=(",", ":"))

    def _bars(self, group: tuple[UsageSeries, ...]) -> list[tuple[int, float]]:
        found: dict[int, float] = {}
        for series in group:
            for point in series.points:
                position = (point.time - self.found.begin) // _LENGTHS[self.step]
                found[position] = found.get(position, 0.0) + self.measure.of(point)
        return [(n, float(f"{value:.4g}")) for n, value in sorted(found.items()) if value]


def gaps(found: Usage) -> str:
    """When the cluster was not observed, in a sentence; empty if it always was."""
    if not found.gaps:
        return ""
    longest = sorted(found.gaps, key=lambda each: each.begin - each.end)[:_GAPS]
    named = [_gap(each) for each in sorted(longest, key=lambda each: each.begin)]
    *first, last = named
    text = f"{', '.join(first)} and {last}" if first else last
    begin = f"The cluster was not observed for {span(found.gap_seconds)}"
    if len(found.gaps) > len(named):
        return f"{begin} in total; the longest times were {text}."
    return f"{begin}: {text}."


def _gap(gap: UsageGap) -> str:
    day = "%H:%M" if gap.begin.date() == gap.end.date() else "%Y-%m-%d %H:%M"
    return f"from {gap.begin:%Y-%m-%d %H:%M} to {gap.end:{day}} UTC"

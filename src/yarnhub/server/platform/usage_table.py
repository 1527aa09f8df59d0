"""What applications have used, as lines of comma-separated values."""

from __future__ import annotations

import bisect
import csv
import functools
import io
from operator import attrgetter
from typing import TYPE_CHECKING

from yarnhub.server.platform.documents import moment
from yarnhub.server.platform.usage_documents import Amounts
from yarnhub.watch.ledger import BEGUN, ENDED
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from yarnhub.database.usage import Query as Sums
    from yarnhub.database.usage import Sum
    from yarnhub.watch.usage import Gap

_CHUNK = 1 << 14
"""Characters that are sent together."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of what programs for tables execute."""


class UsageTable:
    """The columns of a file, and its lines: one for each name and time.

    Args:
        sums: Which sums it has.
        measures: What they measure.
        gaps: When the cluster was not observed, in order.
    """

    def __init__(self, sums: Sums, measures: Sequence[str], gaps: Sequence[Gap]) -> None:
        self._sums = sums
        self._resources = [each for each in measures if each not in (MEMORY, VCORES, BEGUN, ENDED)]
        self._gaps = gaps
        self._gap = functools.cache(self._gap_of)  # many lines have the same time

    async def text(self, sums: AsyncIterator[Sum]) -> AsyncIterator[str]:
        """The file, in parts of about 16,000 characters.

        Args:
            sums: The sums, by name and time.
        """
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer)
        writer.writerow(self._header())
        last: list[Sum] = []
        async for each in sums:
            if last and (each.name, each.time) != (last[0].name, last[0].time):
                writer.writerow(self._line(last))
                last = []
                if buffer.tell() >= _CHUNK:
                    yield buffer.getvalue()
                    buffer.seek(0)
                    buffer.truncate()
            last.append(each)
        if last:
            writer.writerow(self._line(last))
        yield buffer.getvalue()

    def _header(self) -> list[str]:
        return [
            *(["time"] if self._sums.step is not None else []),
            *([self._sums.by.value] if self._sums.by is not None else []),
            "memory_mib_seconds",
            "vcore_seconds",
            *(_safe(f"{each}_seconds") for each in self._resources),
            "applications_begun",
            "applications_ended",
            "gap_seconds",
        ]

    def _line(self, sums: Sequence[Sum]) -> list[str | int]:
        amounts, first = Amounts.of(sums), sums[0]
        return [
            *([moment(first.time or 0).isoformat()] if self._sums.step is not None else []),
            *([_safe(first.name)] if self._sums.by is not None else []),
            amounts.memory_seconds,
            amounts.vcore_seconds,
            *(amounts.resources.get(each, 0) for each in self._resources),
            amounts.begun,
            amounts.ended,
            self._gap(first.time) // 1000,
        ]

    def _gap_of(self, time: int | None) -> int:
        """How long the cluster was not observed in a line's time, in ms."""
        begin, end = self._sums.begin, self._sums.end
        if time is not None and self._sums.step is not None:
            begin, end = max(begin, time), min(end, time + self._sums.step)
        first = bisect.bisect_right(self._gaps, begin, key=attrgetter("end"))
        last = bisect.bisect_left(self._gaps, end, key=attrgetter("begin"))
        gaps = self._gaps[first:last]
        return sum(min(end, each.end) - max(begin, each.begin) for each in gaps)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

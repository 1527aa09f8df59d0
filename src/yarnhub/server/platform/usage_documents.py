"""The documents of usage over time."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from yarnhub.server.platform.documents import Document
from yarnhub.watch.ledger import BEGUN, ENDED
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.database.usage import Sum


class Amounts(Document):
    """What applications have used."""

    memory_seconds: int
    """MiB of their containers multiplied by the seconds for which they had them."""
    vcore_seconds: int
    """The same for virtual cores."""
    resources: dict[str, int]
    """The same for other resource types, such as `yarn.io/gpu`."""
    begun: int
    """Applications that were submitted."""
    ended: int
    """Applications that have ended."""

    @classmethod
    def of(cls, sums: Iterable[Sum]) -> Amounts:
        """All amounts of several sums."""
        found: dict[str, int] = {}
        for each in sums:
            found[each.measure] = found.get(each.measure, 0) + each.amount
        return Amounts(
            memory_seconds=found.pop(MEMORY, 0),
            vcore_seconds=found.pop(VCORES, 0),
            begun=found.pop(BEGUN, 0),
            ended=found.pop(ENDED, 0),
            resources=found,
        )


class UsagePoint(Amounts):
    """What was used within an hour or a day."""

    time: dt.datetime
    """When it begins. Days are days of UTC."""


class UsageSeries(Document):
    """What was used by one user, one type, etc."""

    name: str
    """The user, queue, type, or key of an environment: empty for applications without one."""
    total: Amounts
    points: tuple[UsagePoint, ...]
    """In the order of time; without those in which nothing was used."""


class UsageGap(Document):
    """A time in which applications were not observed.

    The usage of applications that began before it and were seen after it is evenly divided.
    Applications that only ran within it may be missing.
    """

    begin: dt.datetime
    end: dt.datetime


class Usage(Document):
    """What was used in a range of hours."""

    begin: dt.datetime
    """The begin of the first hour."""
    end: dt.datetime
    """The end of the last hour."""
    total: Amounts
    series: tuple[UsageSeries, ...]
    """By name."""
    gaps: tuple[UsageGap, ...]
    """The longest ones in the order of time, at most 1000."""
    gap_seconds: int
    """The length of all gaps."""

"""What users hold of each kind that is limited, as the watch has seen it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from yarnhub.server.platform.documents import used
from yarnhub.server.platform.limit_documents import HeldAmounts, LimitedKind
from yarnhub.watch.kinds import Kind, kind_of
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.watch.table import Row
    from yarnhub.yarn.records.applications import ApplicationReport

OPEN = frozenset(each for each in YarnApplicationState if not each.ended)
"""The states of what is held."""
MOST = 100_000
"""Applications that are counted."""
_KINDS = {
    Kind.SERVER: LimitedKind.SERVERS,
    Kind.KERNEL: LimitedKind.KERNELS,
    Kind.DASK: LimitedKind.CLUSTERS,
    Kind.BUILD: LimitedKind.BUILDS,
}
_NOTHING = HeldAmounts(count=0, memory=0, vcores=0)

Holdings = dict[LimitedKind, HeldAmounts]
"""What one user or several hold."""


def held(rows: Iterable[Row]) -> Holdings:
    """What applications that have not ended hold together."""
    found = dict.fromkeys(LimitedKind, _NOTHING)
    for each in rows:
        kind = _KINDS.get(kind_of(each.report))
        if kind is not None:
            found[kind] = _with(found[kind], each.report)
    return found


def held_by_user(rows: Iterable[Row]) -> dict[str, Holdings]:
    """The same of each user of the cluster who holds something that can be limited."""
    rows_of = defaultdict[str, list["Row"]](list)
    for each in rows:
        if kind_of(each.report) in _KINDS:
            rows_of[each.report.user].append(each)
    return {user: held(found) for user, found in rows_of.items()}


def _with(total: HeldAmounts, report: ApplicationReport) -> HeldAmounts:
    holds = used(report)
    if holds is None or total.memory is None or total.vcores is None:
        return HeldAmounts(count=total.count + 1, memory=None, vcores=None)
    return HeldAmounts(
        count=total.count + 1,
        memory=total.memory + max(0, holds.memory),
        vcores=total.vcores + max(0, holds.vcores),
    )

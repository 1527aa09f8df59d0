"""Explains which of the scheduler's limits prevents an application's first container; no I/O.

YARN registers an unmanaged application above a limit like any other, but allocates and reports
nothing (Hadoop 3.4.2, FiCaSchedulerApp.isWaitingForAMContainer). Only the figures show it: for the
application, a full queue looks the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.client.explain.reasons import (
    MasterLimit,
    ParallelLimit,
    UnmanagedMasterLimit,
    UserLimit,
)
from yarnhub.yarn.queues import reached_limits
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from yarnhub.client.explain.facts import ApplicationFacts
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.yarn.queues.scheduler_page import LeafFigures
    from yarnhub.yarn.records.applications import ApplicationReport


# --- in YARN's own words


def requested_master(diagnostics: str) -> dict[str, int]:
    """An ApplicationMaster's resources from YARN's diagnostics; empty if missing."""
    return _amounts_in(diagnostics, "AM Resource Request")


def master_limit(report: ApplicationReport) -> MasterLimit | None:
    """The limit on ApplicationMasters, if YARN names it in its diagnostics."""
    diagnostics = report.diagnostics
    if "AM resource limit exceeded" not in diagnostics:
        return None
    of_user = "User's AM resource limit" in diagnostics
    limit = "User AM Resource Limit of the queue" if of_user else "Queue Resource Limit for AM"
    return MasterLimit(
        queue=report.queue,
        user=report.user if of_user else "",
        limit=_amounts_in(diagnostics, limit),
        used=_amounts_in(diagnostics, "Queue AM Resource Usage"),
        asked=requested_master(diagnostics),
    )


def _amounts_in(diagnostics: str, what: str) -> dict[str, int]:
    """An amount that YARN's diagnostics name, such as `<memory:512, vCores:1>`."""
    found = re.search(rf"{re.escape(what)} = <memory:(\d+), vCores:(\d+)", diagnostics)
    return {MEMORY: int(found[1]), VCORES: int(found[2])} if found else {}


# --- in the queue's figures


def limits_reached(facts: ApplicationFacts) -> list[Reason]:
    """The limits that its queue's figures show as reached.

    None for an application with a container, which has passed them.
    """
    report, figures = facts.report, facts.figures
    if figures is None or report.app_resource_usage.num_used_containers > 0:
        return []
    found: list[Reason | None] = [_parallel(figures, report), _of_user(figures, report)]
    if report.unmanaged_application:  # YARN reports it for managed ones
        found.append(_masters(figures, report))
    return [reason for reason in found if reason is not None]


def _parallel(figures: LeafFigures, report: ApplicationReport) -> ParallelLimit | None:
    considered = report.diagnostics and not report.unmanaged_application
    if not figures.held_back or considered:
        return None  # YARN has diagnostics for a managed one that it considers, but not for these
    return ParallelLimit(
        queue=figures.path,
        user=report.user,
        held_back=figures.held_back,
        limited=figures.parallel,
        fair=figures.fair,
    )


def _of_user(figures: LeafFigures, report: ApplicationReport) -> UserLimit | None:
    reached = reached_limits.user_limit(figures, report.user)
    if reached is None:
        return None
    return UserLimit(user=reached.user, queue=reached.queue, used=reached.used, limit=reached.limit)


def _masters(figures: LeafFigures, report: ApplicationReport) -> UnmanagedMasterLimit | None:
    """The limit on ApplicationMasters, in which an unmanaged one counts as a smallest container."""
    reached = reached_limits.master_limit(figures, report.user) if figures.pending else None
    if reached is None:
        return None
    return UnmanagedMasterLimit(
        queue=reached.queue,
        user=reached.user,
        limit=reached.limit,
        used=reached.used,
        counted=figures.am_least,
        waiting=figures.pending,
    )

"""Which of the scheduler's limits keeps an application from its first container: pure, no I/O.

YARN registers an unmanaged application above a limit as any other, then gives it nothing and says
nothing (Hadoop 3.4.2, FiCaSchedulerApp.isWaitingForAMContainer). Only figures are believed: a queue
that is full looks the same from the application's side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.client.explain.amounts import counted, in_words
from yarnhub.yarn.records.resources import MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.explain.facts import Evidence
    from yarnhub.yarn.queues.figures import LeafFigures
    from yarnhub.yarn.records.applications import ApplicationReport


def limits_reached(evidence: Evidence) -> list[str]:
    """The limits that its queue's figures show as reached, each a sentence or two.

    None of an application that has a container: it is over them.
    """
    report, figures = evidence.report, evidence.figures
    if figures is None or report.app_resource_usage.num_used_containers > 0:
        return []
    found = [_parallel(figures, report), _of_user(figures, report)]
    if report.unmanaged_application:  # of a managed one YARN says it
        found.append(_masters(figures, report))
    return [reason for reason in found if reason]


def _parallel(figures: LeafFigures, report: ApplicationReport) -> str:
    considered = report.diagnostics and not report.unmanaged_application
    if not figures.held_back or considered:
        return ""  # YARN has words for a managed one that it considers, and none for these
    waiting = f"{counted(figures.held_back, 'application')} of queue {figures.path}"
    verb = "is" if figures.held_back == 1 else "are"
    if figures.parallel is None:
        return (
            f"{waiting} {verb} held back: as many run at a time as may, in the queue or of one "
            f"user (yarn.scheduler.capacity.{figures.path}.max-parallel-apps, or "
            f"yarn.scheduler.capacity.user.{report.user}.max-parallel-apps). It starts when "
            "another one ends; or use another queue."
        )
    path, limit = figures.parallel
    setting = (
        "maxRunningApps in the FairScheduler's file of allocations"
        if figures.fair
        else f"setting yarn.scheduler.capacity.{path}.max-parallel-apps"
    )
    return (
        f"{waiting} {verb} held back: queue {path} runs {counted(limit, 'application')} at a time "
        f"({setting}). It starts when another one there ends; or use another queue."
    )


def _of_user(figures: LeafFigures, report: ApplicationReport) -> str:
    user = figures.users.get(report.user)
    if user is None or not user.limit.get(MEMORY) or user.used[MEMORY] <= user.limit[MEMORY]:
        return ""
    return (
        f"{report.user} holds {in_words(user.used)} in queue {figures.path}, where one user may "
        f"hold {in_words(user.limit)} now (user-limit-factor, minimum-user-limit-percent). It goes "
        "on when some of that ends."
    )


def _masters(figures: LeafFigures, report: ApplicationReport) -> str:
    """The limit of ApplicationMasters, in which an unmanaged one counts as a smallest container."""
    if not figures.pending:
        return ""
    setting = (
        f"An unmanaged one counts as a smallest container, {in_words(figures.am_least)}. It starts "
        "when another application there ends; or use another queue, or have "
        f"yarn.scheduler.capacity.{figures.path}.maximum-am-resource-percent or "
        f"yarn.scheduler.capacity.maximum-am-resource-percent raised."
    )
    verb = "waits" if figures.pending == 1 else "wait"
    waiting = f"{counted(figures.pending, 'application')} of queue {figures.path} {verb} to be "
    if _exceeds(figures.am_used, figures.am_least, figures.am_limit):
        return (
            f"{waiting}activated: ApplicationMasters hold {in_words(figures.am_used)} of the "
            f"{in_words(figures.am_limit)} that they may have there. {setting}"
        )
    user = figures.users.get(report.user)
    if user is not None and _exceeds(user.am_used, figures.am_least, figures.user_am_limit):
        return (
            f"{waiting}activated: ApplicationMasters of {report.user} hold "
            f"{in_words(user.am_used)} of the {in_words(figures.user_am_limit)} that those of one "
            f"user may have there. {setting}"
        )
    return ""


def _exceeds(used: Mapping[str, int], more: Mapping[str, int], limit: Mapping[str, int]) -> bool:
    return any(used.get(name, 0) + more.get(name, 0) > most for name, most in limit.items())

"""What a user can see of an application: what YARN itself would show, from one watch for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.yarn.records.applications import ApplicationResourceUsageReport
from yarnhub.yarn.records.ids import ApplicationAttemptId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport

HIDDEN = "N/A"
"""YARN's text in a field that the caller may not view."""
HIDDEN_AMOUNT = -1
"""YARN's number in such a field."""
_HIDDEN_RESOURCE = Resource(memory=HIDDEN_AMOUNT, virtual_cores=HIDDEN_AMOUNT)
_HIDDEN_USAGE = ApplicationResourceUsageReport(
    num_used_containers=HIDDEN_AMOUNT,
    num_reserved_containers=HIDDEN_AMOUNT,
    used_resources=_HIDDEN_RESOURCE,
    reserved_resources=_HIDDEN_RESOURCE,
    needed_resources=_HIDDEN_RESOURCE,
    memory_seconds=HIDDEN_AMOUNT,
    vcore_seconds=HIDDEN_AMOUNT,
    preempted_memory_seconds=HIDDEN_AMOUNT,
    preempted_vcore_seconds=HIDDEN_AMOUNT,
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user by the name on the cluster, and the user's groups."""

    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessList:
    """Users and groups with a permission. Names are compared exactly; there is no wildcard."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def allows(self, viewer: Viewer) -> bool:
        """Whether the user or one of the user's groups is in the list."""
        return viewer.name in self.users or not self.groups.isdisjoint(viewer.groups)


NO_ONE = AccessList()


def visible(
    report: ApplicationReport,
    viewer: Viewer,
    administrators: AccessList,
    view_acl: AccessList = NO_ONE,
) -> ApplicationReport:
    """What a user can see of an application.

    Owners, administrators and users in its ACL see all. Other users see its id, owner, queue, name,
    type, state, final status, tags, priority and times.

    Args:
        report: The report as an administrator of YARN gets it.
        viewer: The user.
        administrators: Those who see all applications.
        view_acl: The application's own list. Reports do not have it: only for an application that
            was submitted with a list of ours is it known.
    """
    if viewer.name == report.user or administrators.allows(viewer) or view_acl.allows(viewer):
        return report
    return hidden(report)


def hidden(report: ApplicationReport) -> ApplicationReport:
    """An application as YARN reports it to users without access to it.

    Except for the counters of resources, which are -1, too: YARN sends 0 or another application's.

    Source: RMAppImpl.createAndGetApplicationReport with `allowAccess` false (Hadoop 3.4).
    """
    return replace(
        report,
        host=HIDDEN,
        rpc_port=HIDDEN_AMOUNT,
        client_to_am_token=None,
        tracking_url=HIDDEN,
        diagnostics=HIDDEN,
        app_resource_usage=_HIDDEN_USAGE,
        original_tracking_url=HIDDEN,
        current_application_attempt_id=ApplicationAttemptId(
            application_id=report.application_id, attempt_id=HIDDEN_AMOUNT
        ),
        progress=0.0,
        am_rm_token=None,
        log_aggregation_status=None,
    )

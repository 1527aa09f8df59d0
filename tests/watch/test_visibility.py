"""What users see of each other's applications; `test_on_cluster.py` compares it with YARN's own."""

from __future__ import annotations

import dataclasses

import pytest

from hadoop.server import TOKEN
from yarnhub.watch.visibility import AccessList, Viewer, visible
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    FinalApplicationStatus,
    LogAggregationStatus,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId
from yarnhub.yarn.records.resources import Priority, Resource

NUMBER = ApplicationId(id=7, cluster_timestamp=1)
USAGE = ApplicationResourceUsageReport(
    num_used_containers=3,
    used_resources=Resource(memory=4096, virtual_cores=2),
    memory_seconds=100,
    vcore_seconds=10,
    queue_usage_percentage=1.5,
    application_resource_usage_map={"yarn.io/gpu": 5},
)
REPORT = ApplicationReport(
    application_id=NUMBER,
    user="alice",
    queue="root.default",
    name="analysis",
    host="w1",
    rpc_port=4000,
    client_to_am_token=TOKEN,
    yarn_application_state=YarnApplicationState.RUNNING,
    tracking_url="http://w1:4001",
    diagnostics="secret/path was not found",
    start_time=1,
    finish_time=2,
    final_application_status=FinalApplicationStatus.UNDEFINED,
    app_resource_usage=USAGE,
    original_tracking_url="http://w1:4001",
    current_application_attempt_id=ApplicationAttemptId(application_id=NUMBER, attempt_id=1),
    progress=0.5,
    application_type="SPARK",
    am_rm_token=TOKEN,
    application_tags=("a", "b"),
    log_aggregation_status=LogAggregationStatus.RUNNING,
    priority=Priority(priority=1),
    launch_time=1,
    submit_time=1,
)
ADMINISTRATORS = AccessList(frozenset({"root"}), frozenset({"operators"}))
SHOWN = {
    "application_id",
    "user",
    "queue",
    "name",
    "yarn_application_state",
    "start_time",
    "finish_time",
    "final_application_status",
    "application_type",
    "application_tags",
    "unmanaged_application",
    "priority",
    "app_node_label_expression",
    "am_node_label_expression",
    "app_timeouts",
    "launch_time",
    "submit_time",
}


@pytest.mark.parametrize(
    "viewer",
    [
        Viewer("alice"),
        Viewer("root"),
        Viewer("carol", frozenset({"staff", "operators"})),
        Viewer("bob"),
        Viewer("dave", frozenset({"team"})),
    ],
)
def test_owners_administrators_and_users_in_its_acl_see_all(viewer: Viewer) -> None:
    acl = AccessList(frozenset({"bob"}), frozenset({"team"}))
    assert visible(REPORT, viewer, ADMINISTRATORS, acl) is REPORT


@pytest.mark.parametrize("viewer", [Viewer("bob"), Viewer(""), Viewer("carol", frozenset({"x"}))])
def test_other_users_see_only_what_is_no_secret(viewer: Viewer) -> None:
    seen = visible(REPORT, viewer, ADMINISTRATORS)
    same = {
        each.name
        for each in dataclasses.fields(REPORT)
        if getattr(seen, each.name) == getattr(REPORT, each.name)
    }
    assert same == SHOWN
    assert (seen.host, seen.diagnostics, seen.tracking_url) == ("N/A", "N/A", "N/A")
    usage = seen.app_resource_usage
    assert (usage.memory_seconds, usage.vcore_seconds, usage.num_used_containers) == (-1, -1, -1)
    assert usage.application_resource_usage_map == {}


def test_a_new_field_of_reports_needs_a_decision() -> None:
    hidden = {each.name for each in dataclasses.fields(REPORT)} - SHOWN
    assert len(SHOWN | hidden) == 28

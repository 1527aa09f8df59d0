"""Which limits are named as the reason: those that the scheduler's own figures show as reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.explain.reports import holding, node, queue, report, waiting
from yarn.queues.pages import leaf, recorded
from yarnhub.client.explain.explanation import explain, why_nothing_is_given
from yarnhub.client.explain.facts import Evidence
from yarnhub.client.explain.limits import limits_reached
from yarnhub.yarn.queues.figures import LeafFigures, UserFigures, read_scheduler_page
from yarnhub.yarn.records.resources import MEMORY, VCORES


def test_a_full_queue_is_called_full() -> None:
    evidence = waiting(
        leaf("3.4.2-full"),
        nodes=(node(used=8192),),
        queues=(queue(8192),),
        neighbours=(holding("bob", 8192),),
    )
    assert limits_reached(evidence) == []
    node_reason, queue_reason = explain(evidence).reasons
    assert "none has room now" in node_reason
    assert "queue root.default is full: it holds 8192 MiB and 1 vcore of 8192 MiB" in queue_reason
    assert "application_1_0009 of bob (8192 MiB)" in queue_reason
    assert why_nothing_is_given(evidence) == node_reason


@pytest.mark.parametrize("hadoop", ["3.3.6", "3.4.2"])
def test_the_limit_of_masters_is_claimed_with_its_figures(hadoop: str) -> None:
    evidence = waiting(leaf(f"{hadoop}-masters"))
    (reason,) = explain(evidence).reasons
    assert reason == why_nothing_is_given(evidence)
    assert reason == (
        "1 application of queue root.fruit.apples waits to be activated: ApplicationMasters hold "
        "32 MiB and 1 vcore of the 96 MiB and 1 vcore that they may have there. An unmanaged one "
        "counts as a smallest container, 32 MiB and 1 vcore. It starts when another application "
        "there ends; or use another queue, or have "
        "yarn.scheduler.capacity.root.fruit.apples.maximum-am-resource-percent or "
        "yarn.scheduler.capacity.maximum-am-resource-percent raised."
    )


def test_an_application_that_has_a_container_is_over_its_limits() -> None:
    evidence = waiting(leaf("3.4.2-masters"))
    assert limits_reached(evidence)
    usage = replace(evidence.report.app_resource_usage, num_used_containers=1)
    has_one = replace(evidence.report, app_resource_usage=usage)
    assert limits_reached(replace(evidence, report=has_one)) == []


def test_a_users_own_limit_of_masters() -> None:
    some = {MEMORY: 64, VCORES: 1}
    figures = LeafFigures(
        path="root.a",
        pending=2,
        am_used=some,
        am_limit={MEMORY: 4096, VCORES: 8},
        user_am_limit={MEMORY: 80, VCORES: 8},
        am_least={MEMORY: 32, VCORES: 1},
        users={"alice": UserFigures(used=some, limit={}, am_used=some)},
    )
    (reason,) = limits_reached(waiting(figures))
    assert "2 applications of queue root.a wait to be activated" in reason
    assert "ApplicationMasters of alice hold 64 MiB and 1 vcore of the 80 MiB" in reason
    assert limits_reached(waiting(replace(figures, user_am_limit={}))) == []
    assert limits_reached(waiting(replace(figures, pending=0))) == [], "nobody is held up"


def test_a_users_own_limit() -> None:
    figures = LeafFigures(
        path="root.a",
        users={"alice": UserFigures(used={MEMORY: 3072}, limit={MEMORY: 2048}, am_used={})},
    )
    (reason,) = limits_reached(waiting(figures))
    assert "alice holds 3072 MiB in queue root.a, where one user may hold 2048 MiB" in reason


def test_the_limit_of_parallel_applications() -> None:
    setting = "yarn.scheduler.capacity.root.fruit.bananas.max-parallel-apps"
    managed = Evidence(
        report=report(diagnostics=""),
        nodes=(node(),),
        queues=(queue(),),
        figures=leaf("3.4.2-parallel"),
    )
    for evidence in (managed, waiting(leaf("3.4.2-parallel"))):
        (reason,) = explain(evidence).reasons
        assert reason == (
            "2 applications of queue root.fruit.bananas are held back: queue root.fruit.bananas "
            f"runs 1 application at a time (setting {setting}). It starts when another one there "
            "ends; or use another queue."
        )
    (reason,) = explain(replace(managed, figures=leaf("3.3.6-parallel"))).reasons
    assert "as many run at a time as may, in the queue or of one user" in reason
    assert setting in reason
    # YARN has words for those that it considers.
    considered = replace(managed, report=report())
    assert not any("held back" in each for each in explain(considered).reasons)


def test_the_fair_scheduler_tells_rpc_no_maximum() -> None:
    # The queue root is not "full: it holds 2048 MiB of 0 MiB".
    said = (
        "[Sat Nov 28 07:56:47 +0000 2026] Application is added to the scheduler and is not yet "
        "activated.  (Resource request: <memory:512, vCores:1> exceeds maximum AM resource "
        "allowed)."
    )
    evidence = Evidence(
        report=report(diagnostics=said, queue="root.bob"),
        nodes=(node(used=2048),),
        queues=(queue(2048, most=0.0, queue_path="root"), queue(2048, most=0.0)),
    )
    (reason,) = explain(evidence).reasons
    assert reason == f"YARN says: {said}"
    figures = read_scheduler_page(recorded("3.4.2-fair"))["root.bob"]
    told = replace(evidence, report=report(queue="root.bob"), figures=figures)
    (reason,) = explain(told).reasons
    assert "queue root.bob is full: it holds 8192 MiB and 2 vcores of 8192 MiB" in reason


def test_the_fair_schedulers_limit_of_running_applications() -> None:
    figures = LeafFigures(
        path="root.bob", fair=True, active=2, parallel=("root.bob", 2), held_back=1
    )
    (reason,) = limits_reached(waiting(figures))
    assert "queue root.bob runs 2 applications at a time (maxRunningApps in the Fair" in reason


def test_where_no_page_is_read_nothing_is_claimed() -> None:
    evidence = waiting(None)
    assert why_nothing_is_given(evidence) == ""
    room, hint = explain(evidence).reasons
    assert "there is room" in room
    assert "YARN grants nothing and does not say so" in hint

"""Which limits are named as the reason: those that the scheduler's own figures show as reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.explain.reports import holding, node, queue, report, waiting
from yarn.queues.pages import leaf, recorded
from yarnhub.client.explain.explanation import explain, why_no_container
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.client.explain.limit_reasons import limits_reached
from yarnhub.client.explain.reasons import (
    ApplicationUsage,
    Diagnostics,
    NoRoomOnNodes,
    NothingInTheWay,
    ParallelLimit,
    PossibleMasterLimit,
    QueueFull,
    UnmanagedMasterLimit,
    UserLimit,
)
from yarnhub.yarn.queues.scheduler_page import LeafFigures, UserFigures, read_scheduler_page
from yarnhub.yarn.records.resources import MEMORY, VCORES


def test_a_full_queue_is_called_full() -> None:
    facts = waiting(
        leaf("3.4.2-full"),
        nodes=(node(used=8192),),
        queues=(queue(8192),),
        neighbours=(holding("bob", 8192),),
    )
    assert limits_reached(facts) == []
    on_nodes, full = explain(facts).reasons
    assert isinstance(on_nodes, NoRoomOnNodes)
    assert isinstance(full, QueueFull)
    assert (full.queue, full.used) == ("root.default", {MEMORY: 8192, VCORES: 1})
    assert full.limit[MEMORY] == 8192
    assert full.holders == (ApplicationUsage("application_1_0009", "bob", 8192),)
    assert why_no_container(facts) == on_nodes


@pytest.mark.parametrize("hadoop", ["3.3.6", "3.4.2"])
def test_the_limit_on_masters_is_claimed_with_its_figures(hadoop: str) -> None:
    facts = waiting(leaf(f"{hadoop}-masters"))
    (reason,) = explain(facts).reasons
    assert reason == why_no_container(facts)
    least = {MEMORY: 32, VCORES: 1}
    assert reason == UnmanagedMasterLimit(
        queue="root.fruit.apples",
        user="",
        limit={MEMORY: 96, VCORES: 1},
        used=least,
        counted=least,
        waiting=1,
    )


def test_an_application_that_has_a_container_is_over_its_limits() -> None:
    facts = waiting(leaf("3.4.2-masters"))
    assert limits_reached(facts)
    usage = replace(facts.report.app_resource_usage, num_used_containers=1)
    has_one = replace(facts.report, app_resource_usage=usage)
    assert limits_reached(replace(facts, report=has_one)) == []


def test_a_users_own_limit_on_masters() -> None:
    some, least = {MEMORY: 64, VCORES: 1}, {MEMORY: 32, VCORES: 1}
    figures = LeafFigures(
        path="root.a",
        pending=2,
        am_used=some,
        am_limit={MEMORY: 4096, VCORES: 8},
        user_am_limit={MEMORY: 80, VCORES: 8},
        am_least=least,
        users={"alice": UserFigures(used=some, limit={}, am_used=some)},
    )
    assert limits_reached(waiting(figures)) == [
        UnmanagedMasterLimit(
            queue="root.a",
            user="alice",
            limit={MEMORY: 80, VCORES: 8},
            used=some,
            counted=least,
            waiting=2,
        )
    ]
    assert limits_reached(waiting(replace(figures, user_am_limit={}))) == []
    assert limits_reached(waiting(replace(figures, pending=0))) == [], "nobody is held up"


def test_a_users_own_limit() -> None:
    used, limit = {MEMORY: 3072}, {MEMORY: 2048}
    figures = LeafFigures(
        path="root.a", users={"alice": UserFigures(used=used, limit=limit, am_used={})}
    )
    assert limits_reached(waiting(figures)) == [UserLimit("alice", "root.a", used, limit)]


def test_the_limit_of_parallel_applications() -> None:
    bananas = "root.fruit.bananas"
    managed = ApplicationFacts(
        report=report(diagnostics=""),
        nodes=(node(),),
        queues=(queue(),),
        figures=leaf("3.4.2-parallel"),
    )
    limit = ParallelLimit(
        queue=bananas, user="alice", held_back=2, limited=(bananas, 1), fair=False
    )
    for facts in (managed, waiting(leaf("3.4.2-parallel"))):
        assert explain(facts).reasons == (limit,)
    (reason,) = explain(replace(managed, figures=leaf("3.3.6-parallel"))).reasons
    assert isinstance(reason, ParallelLimit)
    assert (reason.queue, reason.limited) == (bananas, None)
    # YARN has words for those that it considers.
    considered = replace(managed, report=report())
    assert not any(isinstance(each, ParallelLimit) for each in explain(considered).reasons)


def test_the_fair_scheduler_tells_rpc_no_maximum() -> None:
    # The queue root is not "full: it holds 2048 MiB of 0 MiB".
    said = (
        "[Sat Nov 28 07:56:47 +0000 2026] Application is added to the scheduler and is not yet "
        "activated.  (Resource request: <memory:512, vCores:1> exceeds maximum AM resource "
        "allowed)."
    )
    facts = ApplicationFacts(
        report=report(diagnostics=said, queue="root.bob"),
        nodes=(node(used=2048),),
        queues=(queue(2048, most=0.0, queue_path="root"), queue(2048, most=0.0)),
    )
    assert explain(facts).reasons == (Diagnostics(said),)
    figures = read_scheduler_page(recorded("3.4.2-fair"))["root.bob"]
    told = replace(facts, report=report(queue="root.bob"), figures=figures)
    (reason,) = explain(told).reasons
    assert isinstance(reason, QueueFull)
    assert reason.queue == "root.bob"
    assert reason.used == {MEMORY: 8192, VCORES: 2}
    assert reason.limit[MEMORY] == 8192


def test_the_fair_schedulers_limit_of_running_applications() -> None:
    figures = LeafFigures(
        path="root.bob", fair=True, active=2, parallel=("root.bob", 2), held_back=1
    )
    assert limits_reached(waiting(figures)) == [
        ParallelLimit(
            queue="root.bob", user="alice", held_back=1, limited=("root.bob", 2), fair=True
        )
    ]


def test_where_no_page_is_read_nothing_is_claimed() -> None:
    facts = waiting(None)
    assert why_no_container(facts) is None
    room, hint = explain(facts).reasons
    assert isinstance(room, NothingInTheWay)
    assert hint == PossibleMasterLimit()

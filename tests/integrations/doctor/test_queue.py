"""The queue, and the number of servers that fit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from integrations.doctor.deployments import make_deployment
from integrations.doctor.pages import serve_pages
from yarn.queues.pages import recorded
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.queue import check_masters, judge, judge_masters
from yarnhub.yarn.queues.scheduler_page import PATH, LeafFigures
from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.records.cluster import QueueInfo, QueueState
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from pathlib import Path

LEAF = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.RUNNING)
OLD = QueueInfo(queue_name="a", state=QueueState.RUNNING)
DRAINING = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.DRAINING)
STOPPED = QueueInfo(queue_name="a", queue_path="root.x.a", state=QueueState.STOPPED)


def root(*leaves: QueueInfo) -> QueueInfo:
    parent = QueueInfo(queue_name="x", child_queues=leaves or (LEAF,))
    return with_paths(QueueInfo(queue_name="root", child_queues=(parent,)))


@pytest.mark.parametrize(
    ("name", "leaf", "allowed", "grade", "words"),
    [
        ("a", LEAF, ["a"], Grade.OK, "root.x.a is running, and alice may submit to it"),
        ("root.x.a", OLD, ["a"], Grade.OK, "root.x.a is running, and alice may submit to it"),
        ("x", LEAF, ["a"], Grade.ERROR, "root.x is a parent queue"),
        ("a", STOPPED, ["a"], Grade.ERROR, "root.x.a is stopped"),
        ("a", DRAINING, ["a"], Grade.ERROR, "root.x.a is draining"),
        ("a", LEAF, ["y"], Grade.ERROR, "alice may not submit to root.x.a"),
        ("b", LEAF, ["a"], Grade.ERROR, "queue b does not exist"),
    ],
)
def test_a_queue(name: str, leaf: QueueInfo, allowed: list[str], grade: Grade, words: str) -> None:
    found = judge(name, root(leaf), allowed, "alice")
    assert found.grade is grade
    assert found.what == words


def leaf(memory: int, vcores: int) -> LeafFigures:
    return LeafFigures(
        path="root.x.a",
        am_limit={MEMORY: memory, VCORES: vcores},
        am_least={MEMORY: 1024, VCORES: 1},
    )


@pytest.mark.parametrize(
    ("figures", "number", "grade"),
    [
        (leaf(30000, 40), 29, Grade.OK),
        (leaf(300000, 7), 7, Grade.WARNING),
    ],
)
def test_the_scarcer_resource_limits_the_masters(
    figures: LeafFigures, number: int, grade: Grade
) -> None:
    assert figures.masters_that_fit == number
    found = judge_masters(figures, number)
    assert found.grade is grade
    assert found.what.startswith(f"at least {number} fit into root.x.a: each counts as 1024 MiB")


@pytest.mark.parametrize("hadoop", ["3.3.6", "3.4.2"])
@pytest.mark.parametrize("name", ["apples", "root.fruit.apples"])
async def test_masters_by_any_name_of_the_queue(tmp_path: Path, hadoop: str, name: str) -> None:
    pages = {PATH: json.dumps(recorded(f"{hadoop}-masters"))}
    async with serve_pages(pages) as address:
        deployment = make_deployment(tmp_path, {"yarn.resourcemanager.webapp.address": address})
        deployment.options, deployment.active = replace(deployment.options, queue=name), 0
        found = await check_masters(deployment)
    assert found.grade is Grade.WARNING
    assert found.what == (
        "at least 1 fit into root.fruit.apples: each counts as 32 MiB and 1 vcore of the queue's "
        "limit for ApplicationMasters, 96 MiB and 1 vcore"
    )


@pytest.mark.parametrize("page", [recorded("3.4.2-fair"), recorded("3.4.2-masters"), {}])
async def test_without_a_limit_for_masters_they_are_not_checked(tmp_path: Path, page: Any) -> None:
    async with serve_pages({PATH: json.dumps(page)}) as address:
        deployment = make_deployment(tmp_path, {"yarn.resourcemanager.webapp.address": address})
        deployment.options, deployment.active = replace(deployment.options, queue="bob"), 0
        found = await check_masters(deployment)
    assert found.grade is Grade.NOT_CHECKED

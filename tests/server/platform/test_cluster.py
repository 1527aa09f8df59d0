"""The cluster by the API and on its page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from server.platform.serving import Platform, platform
from yarnhub.base.errors import ConnectError
from yarnhub.watch.visibility import NO_ONE
from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.records.cluster import (
    NodeReport,
    NodeState,
    QueueInfo,
    QueueState,
    QueueStatistics,
)
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def node(host: str, state: NodeState = NodeState.RUNNING, health: str = "") -> NodeReport:
    return NodeReport(
        node_id=NodeId(host=host, port=8041),
        node_state=state,
        used=Resource(memory=1024, virtual_cores=1),
        capability=Resource(memory=4096, virtual_cores=8),
        num_containers=2,
        health_report=health,
    )


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path, NO_ONE) as served:
        served.yarn.nodes = [
            node("b"),
            node("a"),
            node("c", NodeState.UNHEALTHY, "<b>disk full</b>\x1b[31m"),
            node("d", NodeState.LOST),
        ]
        leaf = QueueInfo(
            queue_name="<i>research</i>",
            capacity=0.25,
            maximum_capacity=1.0,
            current_capacity=1.5,
            state=QueueState.DRAINING,
            queue_statistics=QueueStatistics(num_apps_running=3, num_apps_pending=2),
        )
        root = QueueInfo(queue_name="root", capacity=1.0, child_queues=(leaf,))
        served.yarn.root = with_paths(root)
        yield served


async def test_the_cluster_is_the_sum_of_the_nodes_that_run_containers(served: Platform) -> None:
    found = (await served.get("a", "/cluster")).json()
    assert found == {
        "nodes": 3,
        "nodes_by_state": {"RUNNING": 2, "UNHEALTHY": 1, "LOST": 1},
        "containers": 6,
        "memory": {"used": 3072, "total": 12288},
        "vcores": {"used": 3, "total": 24},
    }


async def test_queues_are_listed_each_before_its_children(served: Platform) -> None:
    root, leaf = (await served.get("b", "/queues")).json()
    assert (root["path"], root["parent"], root["state"]) == ("root", None, "UNKNOWN")
    assert (root["running"], root["waiting"]) == (None, None)
    assert (leaf["path"], leaf["parent"]) == ("root.<i>research</i>", "root")
    assert (leaf["state"], leaf["used_capacity"]) == ("DRAINING", 1.5)
    assert (leaf["running"], leaf["waiting"]) == (3, 2)


async def test_nodes_are_listed_in_pages(served: Platform) -> None:
    found = (await served.get("a", "/nodes", first=1, limit=2)).json()
    assert (found["first"], found["total"]) == (1, 4)
    assert [each["id"] for each in found["nodes"]] == ["b:8041", "c:8041"]
    assert found["nodes"][1]["health"] == "<b>disk full</b>"


@pytest.mark.parametrize("path", ["/cluster", "/queues", "/nodes"])
async def test_nobody_sees_it_without_a_token(served: Platform, path: str) -> None:
    assert (await served.get("", path)).status_code == 401


async def test_yarn_is_asked_once_for_all(served: Platform) -> None:
    paths = ("/cluster", "/queues", "/nodes", "/cluster")
    async with asyncio.TaskGroup() as group:
        for each in paths:
            group.create_task(served.get("a", each))
    assert served.yarn.calls.count("nodes") == 1


async def test_yarn_that_does_not_respond_is_told(served: Platform) -> None:
    served.yarn.errors[:] = [ConnectError("No ResourceManager responds")] * 10_000
    answer = await served.get("a", "/cluster")
    assert answer.status_code == 503
    assert "No ResourceManager responds" in answer.json()["detail"]
    page = await served.visit("/cluster", "a")
    assert page.status_code == 503
    assert "No ResourceManager responds" in page.text


async def test_the_page_shows_what_needs_attention_first_and_foreign_text_as_text(
    served: Platform,
) -> None:
    page = await served.visit("/cluster", "a")
    assert page.status_code == 200
    order = [page.text.index(f"<bdi>{each}:8041") for each in ("c", "d", "a", "b")]
    assert order == sorted(order)
    assert "3 GiB of 12 GiB" in page.text
    assert "150 %" in page.text
    assert "&lt;b&gt;disk full&lt;/b&gt;" in page.text
    assert "<b>disk" not in page.text
    assert "<i>research" not in page.text
    assert 'href="/hub/applications?queue=root.%3Ci%3Eresearch%3C/i%3E"' in page.text
    assert 'queue=root"' not in page.text, "applications are in leaf queues only"


async def test_a_cluster_without_nodes_and_queues_says_so(served: Platform) -> None:
    served.yarn.nodes, served.yarn.root = [], None
    page = await served.visit("/cluster", "a")
    assert "No node has registered with YARN." in page.text
    assert "reports no queues" in page.text

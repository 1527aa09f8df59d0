"""The size of the nodes, and their Python."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integrations.doctor.deployments import make_deployment
from yarnhub.client.logs.aggregated import LogAggregationOffError
from yarnhub.integrations.doctor import nodes
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.nodes import judge_largest, judge_python
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.doctor.deployment import Deployment

LARGE, SMALL = Resource(memory=8192, virtual_cores=8), Resource(memory=1024, virtual_cores=1)


@pytest.mark.parametrize(
    ("limit", "capacities", "grade"),
    [
        (LARGE, [SMALL, LARGE], Grade.OK),
        (SMALL, [LARGE], Grade.WARNING),
        (LARGE, [SMALL], Grade.WARNING),
        (LARGE, [], Grade.ERROR),
    ],
)
def test_the_largest_container(limit: Resource, capacities: list[Resource], grade: Grade) -> None:
    found = judge_largest(limit, capacities)
    assert found.grade is grade
    assert grade is not Grade.WARNING or '"1024 M"' in found.mend


async def test_without_log_aggregation_python_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot_be_read(_: Deployment, __: str) -> dict[str, str]:
        raise LogAggregationOffError("yarn.log-aggregation-enable is not true")

    monkeypatch.setattr(nodes, "run_on_nodes", cannot_be_read)
    deployment = make_deployment(tmp_path, {})
    deployment.options = replace(deployment.options, run=True)
    found = await nodes.check_python(deployment)
    assert found.grade is Grade.NOT_CHECKED
    assert "yarn.log-aggregation-enable is not true" in found.what


@pytest.mark.parametrize(
    ("said", "grade", "words"),
    [
        ({"n1": "yarnhub doctor: Python 3.12.4\n"}, Grade.OK, "n1: 3.12"),
        (
            {"n1": "yarnhub doctor: Python 3.12.4\n", "n2": "x\nyarnhub doctor: Python 3.6.8\n"},
            Grade.WARNING,
            "n1: 3.12, n2: 3.6",
        ),
        ({"n1": "yarnhub doctor: \n"}, Grade.WARNING, "n1: none"),
        ({"n1": "", "n2": "yarnhub doctor: Python 3.12.4\n"}, Grade.ERROR, "nothing ran on n1"),
    ],
)
def test_python(said: dict[str, str], grade: Grade, words: str) -> None:
    found = judge_python(said)
    assert found.grade is grade
    assert words in found.what

"""What nodes have to have."""

from __future__ import annotations

import pytest

from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.nodes import judge_largest, judge_python
from yarnhub.yarn.records.resources import Resource

LARGE, SMALL = Resource(memory=8192, virtual_cores=8), Resource(memory=1024, virtual_cores=1)


@pytest.mark.parametrize(
    ("limit", "nodes", "grade"),
    [
        (LARGE, [SMALL, LARGE], Grade.OK),
        (SMALL, [LARGE], Grade.WARNING),
        (LARGE, [SMALL], Grade.WARNING),
        (LARGE, [], Grade.ERROR),
    ],
)
def test_the_largest_container(limit: Resource, nodes: list[Resource], grade: Grade) -> None:
    found = judge_largest(limit, nodes)
    assert found.grade is grade
    assert grade is not Grade.WARNING or '"1024 M"' in found.mend


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

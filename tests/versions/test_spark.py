"""Each version of Spark, walked through with a kernel and a script, by `./test versions` only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from versions.conftest import RECORD
from versions.page import FAILED, LIMIT, OK
from versions.spark_kinds import SPARK_KINDS, SparkKind
from versions.spark_page import read_spark_results, write_spark_results
from versions.spark_walk import LIMITED, SPARK_CAPABILITIES, SparkWalk, publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.versions,
    pytest.mark.timeout(1800),
    pytest.mark.asyncio(loop_scope="module"),
]
# Some machines have no Java 25.
KINDS = [each for each in SPARK_KINDS.values() if each.java_home.exists()]
GOOD = [each for each in KINDS if each.limit is None]
LIMITED_KINDS = [each for each in KINDS if each.limit is not None]


def name(kind: SparkKind) -> str:
    return kind.name.replace(", ", "-").replace(" ", "-").lower()


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> SparkKind:
    kind: SparkKind = request.param
    return kind


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walk(
    kind: SparkKind,
    hadoop_cluster: HadoopCluster,
    shared_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[SparkWalk]:
    folder = tmp_path_factory.mktemp("spark")
    async with SparkWalk(hadoop_cluster, kind, folder, shared_python) as walk:
        yield walk


@pytest.fixture(scope="module")
def results(kind: SparkKind, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What is found, by capability; kept in the tree if the option says so."""
    found: dict[str, str] = {}
    yield found
    if request.config.getoption(RECORD, default=False):
        kept = read_spark_results()
        write_spark_results({**kept, kind.name: {**kept.get(kind.name, {}), **found}})


@pytest.mark.parametrize("capability", SPARK_CAPABILITIES)
@pytest.mark.parametrize("kind", GOOD, indirect=True, ids=name)
async def test_capability(walk: SparkWalk, capability: str, results: dict[str, str]) -> None:
    results[capability] = FAILED
    await SPARK_CAPABILITIES[capability](walk)
    results[capability] = OK


@pytest.mark.parametrize("capability", LIMITED)
@pytest.mark.parametrize("kind", LIMITED_KINDS, indirect=True, ids=name)
async def test_limit(
    kind: SparkKind, walk: SparkWalk, capability: str, results: dict[str, str]
) -> None:
    assert kind.limit is not None
    results[capability] = FAILED
    await publish(walk)
    with pytest.raises(AssertionError, match=kind.limit.says):
        await SPARK_CAPABILITIES[capability](walk)
    results[capability] = LIMIT

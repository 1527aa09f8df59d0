"""Clusters of each kind, one after the other, and what was found on them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from versions.kinds import EVERY_TIME, KINDS
from versions.page import read_results, write_results
from versions.walk import Walk
from yarnhub.client.access.settings import Settings
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.options import ClusterOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from versions.kinds import Kind

RECORD = "--record-versions"
SHARED = (
    (ClusterOptions(), "hadoop_cluster"),
    (ClusterOptions(kerberos=True), "kerberos_cluster"),
)
"""What other tests use, too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(RECORD, action="store_true", help="keep what is found, and the page")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, id=kind.id, marks=[] if kind in EVERY_TIME else [pytest.mark.versions])
        for kind in KINDS.values()
    ],
)
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="module")
def cluster(kind: Kind, request: pytest.FixtureRequest) -> Iterator[HadoopCluster]:
    for options, shared in SHARED:
        if kind.options == options:
            yield request.getfixturevalue(shared)
            return
    cluster = HadoopCluster(kind.options)
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


@pytest.fixture(scope="module")
def python(cluster: HadoopCluster, request: pytest.FixtureRequest) -> Path:
    """What servers run with: in containers of other OS users, a Python that they can read."""
    if not cluster.options.kerberos:
        return Path(sys.executable)
    shared: Path = request.getfixturevalue("shared_python")
    return shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walk(
    cluster: HadoopCluster, python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    tickets: dict[str, dict[str, str]] = {"alice": {}, "jupyterhub": {}}
    if cluster.options.kerberos:
        for name, variables in tickets.items():
            await cluster.kinit(name, folder / name)
            variables["KRB5CCNAME"] = f"FILE:{folder / name}"
    own, service = (
        Settings.from_environment(
            {**cluster.env, **variables, "SKEIN_CONFIG": str(folder / f"config of {name}")}
        )
        for name, variables in tickets.items()
    )
    with pytest.MonkeyPatch.context() as patch:
        if cluster.options.kerberos:
            # libkerberos looks at the process's own environment.
            patch.setenv("KRB5_CONFIG", cluster.variables["KRB5_CONFIG"])
        async with Walk(cluster, own, service, folder, python) as walk:
            yield walk


@pytest.fixture(scope="module")
def results(kind: Kind, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What is found on a kind, by capability; kept in the tree if the option says so."""
    found: dict[str, str] = {}
    yield found
    if request.config.getoption(RECORD, default=False):
        write_results({**read_results(), kind.name: found})

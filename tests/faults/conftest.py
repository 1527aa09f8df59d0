"""One cluster for all faults, and a seed for the moments at which they strike.

`YARNHUB_FAULT_ROUNDS` says how often each fault strikes: `./test faults` has 20 rounds, the suite
in CI fewer. `YARNHUB_FAULT_SEED` repeats the moments of an earlier run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import re
import secrets
from typing import TYPE_CHECKING

import pytest

from faults.fifty import Holder
from faults.guests import NOT_ENDED
from faults.witness import SCRIPT, Witness
from yarnhub.base.errors import YarnhubError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.cluster import HadoopCluster
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from yarnhub.client.application.client import ApplicationClient

_log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("YARNHUB_FAULT_ROUNDS", "1"))  # noqa: TID251  # chosen for a run
_RUNS = re.compile(r"(container_\S+) Container Transitioned from \w+ to RUNNING")
"""The ResourceManager's log on a container whose node has reported it. Its reports do not tell:
they call each container RUNNING that has not ended (RMContainerImpl.getContainerState)."""
SITE = {
    "yarn-site.xml": {
        "yarn.resourcemanager.am.max-attempts": "1000",
        # A node that is lost is given up within seconds instead of ten minutes.
        "yarn.nm.liveness-monitor.expiry-interval-ms": "5000",
        "yarn.resourcemanager.nm.liveness-monitor.interval-ms": "500",
    },
    "capacity-scheduler.xml": {
        "yarn.scheduler.capacity.maximum-am-resource-percent": "1.0",
        # One application at a time has all ApplicationMasters' share of this queue.
        "yarn.scheduler.capacity.root.fruit.apples.maximum-am-resource-percent": "0.01",
        # A fifth of the cluster, however much is free.
        "yarn.scheduler.capacity.root.fruit.oranges.maximum-capacity": "20",
    },
}


@pytest.fixture(scope="session")
def seed() -> int:
    """What the moments follow from; printed, so that a run can be repeated."""
    chosen = os.environ.get("YARNHUB_FAULT_SEED")  # noqa: TID251  # chosen for a run
    return int(chosen) if chosen else secrets.randbits(32)


@pytest.fixture
def moments(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """The random moments of one test."""
    _log.warning("%s: %d rounds, YARNHUB_FAULT_SEED=%d", request.node.name, ROUNDS, seed)
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="session")
def fault_cluster() -> Iterator[HadoopCluster]:
    """Two ResourceManagers and two nodes, of which each may be killed."""
    cluster = HadoopCluster(ha=True, nodes=2, node_vcores=64, site=SITE)
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """A test that failed leaves nothing that the next one counts."""
    yield
    if "fault_cluster" in request.fixturenames:
        cluster = request.getfixturevalue("fault_cluster")
        with contextlib.suppress(YarnhubError):
            asyncio.run(_end_all({**cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}))


async def _end_all(variables: dict[str, str]) -> None:
    """End applications of every type and user."""
    left = GetApplicationsRequest(application_states=NOT_ENDED)
    async with Client(Settings.from_environment(variables)) as client:
        for report in await client.resource_manager.get_applications(left):
            await client.kill(report.application_id)


@pytest.fixture
def settings(fault_cluster: HadoopCluster, tmp_path: Path) -> Settings:
    variables = {**fault_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    return Settings.from_environment(variables)


@pytest.fixture
async def witness(
    settings: Settings, fault_cluster: HadoopCluster, tmp_path: Path
) -> AsyncIterator[Witness]:
    """A watched application, which runs."""
    notes = tmp_path / "notes"
    notes.touch()
    script = SCRIPT.format(notes=notes)
    resources = Resources(memory=MiB(32), vcores=VCores(1))
    services = {
        name: Service(resources=resources, script=script, instances=count)
        for name, count in (("a", 2), ("b", 0))
    }
    spec = ApplicationSpec(name="faults", max_attempts=1000, services=services)
    async with Client(settings) as client:
        application = await client.submit(spec)

        async def reach() -> ApplicationClient:
            return await client.connect(application, deadline=30)

        def seen() -> set[str]:
            logs = [fault_cluster.log_path(f"resourcemanager-{number}") for number in (1, 2)]
            return {name for log in logs for name in _RUNS.findall(log.read_text())}

        witness = Witness(str(application), notes, reach, seen)
        await witness.settle()
        yield witness
        await witness.end()


@pytest.fixture
async def held(fault_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Holder]:
    (tmp_path / "notes").touch()
    (tmp_path / "held").mkdir(mode=0o700)
    Credentials.read_or_create(tmp_path / "skein")
    process = Holder(fault_cluster, tmp_path)
    yield process
    await process.kill()

"""The connections to the ResourceManager are cut off in mid-call."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from faults.conftest import ROUNDS
from faults.cutter import Cutter
from faults.witness import Witness, strike
from yarnhub.client.access.settings import Settings

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 90 * ROUNDS)]


@pytest.fixture
async def cutters(fault_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[list[Cutter]]:
    """A proxy before each address that clients and ApplicationMasters call, configured as it."""
    conf = tmp_path / "conf"
    conf.mkdir()
    for file in fault_cluster.conf_dir.iterdir():
        (conf / file.name).write_bytes(file.read_bytes())
    site = (conf / "yarn-site.xml").read_text()
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for number in (1, 2):
            for server in ("address", "scheduler.address"):
                name = f"<name>yarn.resourcemanager.{server}.rm{number}</name><value>localhost:"
                before, port, after = _parted(site, name)
                cutter = await stack.enter_async_context(Cutter(("localhost", port)))
                site = f"{before}{cutter.port}{after}"
                found.append(cutter)
        (conf / "yarn-site.xml").write_text(site)
        yield found


def _parted(site: str, name: str) -> tuple[str, int, str]:
    before, found, rest = site.partition(name)
    port, end, after = rest.partition("<")
    return before + found, int(port), end + after


@pytest.fixture
def settings(fault_cluster: HadoopCluster, cutters: list[Cutter], tmp_path: Path) -> Settings:
    assert cutters
    places = {"HADOOP_CONF_DIR": str(tmp_path / "conf"), "SKEIN_CONFIG": str(tmp_path / "skein")}
    return Settings.from_environment({**fault_cluster.env, **places})


async def test_connections_are_cut_in_mid_call(
    witness: Witness, moments: random.Random, cutters: list[Cutter]
) -> None:
    async def fault() -> None:
        before = sum(cutter.cuts for cutter in cutters)
        for cutter in cutters:
            cutter.cut(moments)
        async with asyncio.timeout(30):  # the next heartbeats reach the byte
            while sum(cutter.cuts for cutter in cutters) == before:
                await asyncio.sleep(0.05)

    for _ in range(ROUNDS):
        await strike(witness, moments, fault)
        await witness.settle()

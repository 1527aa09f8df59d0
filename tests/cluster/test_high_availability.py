"""A pair of ResourceManagers: elected, killed and back again."""

from __future__ import annotations

import asyncio
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster

START = 20.0
"""Seconds, with all jars in the cache, on two cores."""


async def test_the_other_one_takes_over(tmp_path: Path) -> None:
    await HadoopCluster().provide()
    begin = time.monotonic()
    async with HadoopCluster(state=tmp_path, ha=True, nodes=2) as cluster:
        assert time.monotonic() - begin < START
        killed = await cluster.failover()
        assert cluster.pids[killed] is None
        active = await cluster.active_resource_manager()
        assert {killed, active} == {"resourcemanager-1", "resourcemanager-2"}
        with pytest.raises(ClusterError, match=f"no other ResourceManager than {active} runs"):
            await cluster.failover()

        await cluster.restart(killed)
        command = ["yarn", "rmadmin", "-getAllServiceState"]
        listed = await asyncio.to_thread(
            subprocess.run, command, env=cluster.env, capture_output=True, text=True, check=True
        )
        states = sorted(line.split()[1] for line in listed.stdout.splitlines())
        assert states == ["active", "standby"]
        assert await cluster.active_resource_manager() == active

"""An application with an ApplicationMaster of its own, and all that may be killed under it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.walk import of_application
from faults.conftest import ROUNDS
from faults.spark_kernels import kill
from faults.witness import RECOVERY, Witness, strike

if TYPE_CHECKING:
    import random

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 90 * ROUNDS)]


async def test_the_application_master_is_killed(witness: Witness, moments: random.Random) -> None:
    async def fault() -> None:
        before = len(witness.promised)
        async with asyncio.timeout(RECOVERY):  # it is used by then, however slow the machine is
            while len(witness.promised) < before + 2:
                await asyncio.sleep(0.02)
        await asyncio.sleep(moments.uniform(0.0, 0.1))
        witness.kill_master()

    for _ in range(ROUNDS):
        await strike(witness, moments, fault)
        await witness.settle()
    assert len(witness.promised) > ROUNDS


async def test_the_active_resource_manager_is_killed(
    witness: Witness, moments: random.Random, fault_cluster: HadoopCluster
) -> None:
    for _ in range(ROUNDS):
        killed = await fault_cluster.active_resource_manager()

        async def fault(name: str = killed) -> None:
            await fault_cluster.kill(name)

        await strike(witness, moments, fault)
        await witness.settle()
        await fault_cluster.restart(killed)


async def test_both_resource_managers_are_killed_and_started_again(
    witness: Witness, moments: random.Random, fault_cluster: HadoopCluster
) -> None:
    pair = ("resourcemanager-1", "resourcemanager-2")

    async def fault() -> None:
        for name in pair:
            await fault_cluster.kill(name)
        await asyncio.sleep(moments.uniform(0.0, 1.0))
        await fault_cluster.restart(pair[0])

    for _ in range(ROUNDS):
        await strike(witness, moments, fault)
        await witness.settle()
        await fault_cluster.restart(pair[1])


async def test_a_node_is_lost(
    witness: Witness, moments: random.Random, fault_cluster: HadoopCluster
) -> None:
    for _ in range(ROUNDS):
        name = moments.choice(("nodemanager-1", "nodemanager-2"))

        async def fault(name: str = name) -> None:
            await fault_cluster.kill(name)
            for pid, (_, _, variables) in of_application(witness.application).items():
                if f"/{name}/" in variables:
                    kill(pid)

        await strike(witness, moments, fault)
        await witness.settle(replaced=True)
        await fault_cluster.restart(name)

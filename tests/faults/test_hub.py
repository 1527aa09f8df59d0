"""A hub with servers of its users, and all that may be killed under it."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from faults.conftest import ROUNDS
from faults.guests import CONFIG, Guests, stand_ins
from faults.spark_kernels import kill
from hub.hub import Hub

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 90 * ROUNDS)]


@pytest.fixture
async def guests(
    fault_cluster: HadoopCluster, settings: Settings, tmp_path: Path
) -> AsyncIterator[Guests]:
    environment = {**fault_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    async with Hub(tmp_path / "hub", environment, CONFIG) as hub:
        guests = Guests(hub, settings)
        yield guests
        for user in ("alice", "bob"):
            await hub.stop_server(user)
        await guests.sweep()
        await guests.are_alone(0)


async def test_the_hub_is_killed_while_servers_run(guests: Guests, moments: random.Random) -> None:
    before = {user: await guests.start(user) for user in ("alice", "bob")}
    for _ in range(ROUNDS):
        await asyncio.sleep(moments.uniform(0.0, 1.0))
        await guests.hub.kill()
        for user, state in before.items():
            await guests.goes_on(user, state)
        await guests.hub.start()
        for user, state in before.items():
            await guests.until(partial(guests.is_ready, user), f"{user}'s server is ready")
            await guests.goes_on(user, state)
        await guests.are_alone(2)


async def test_the_hub_is_killed_while_a_server_starts(
    guests: Guests, moments: random.Random
) -> None:
    before = await guests.start("bob")
    for number in range(ROUNDS):
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(_forgiving(guests.ask("alice")))
            await asyncio.sleep(moments.uniform(0.0, 2.0))
            await guests.hub.kill()
            await asking
        await guests.hub.start()
        await guests.goes_on("bob", before)
        if number % 2:  # else the user comes back before the administrator
            await guests.sweep()
        await guests.start("alice")
        await guests.are_alone(2)
        await guests.hub.stop_server("alice")
        await guests.are_alone(1)


async def test_the_hub_is_killed_while_a_server_stops(
    guests: Guests, moments: random.Random
) -> None:
    before = await guests.start("bob")
    for _ in range(ROUNDS):
        await guests.start("alice")
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(_forgiving(guests.hub.api.delete("/users/alice/server")))
            await asyncio.sleep(moments.uniform(0.0, 0.6))
            await guests.hub.kill()
            await stopping
        await guests.hub.start()
        await guests.goes_on("bob", before)
        await guests.hub.stop_server("alice")
        await guests.until(partial(guests.has_none, "alice"), "alice has no server")
        await guests.sweep()
        await guests.are_alone(1)


async def test_the_proxy_is_killed(guests: Guests, moments: random.Random) -> None:
    before = {user: await guests.start(user) for user in ("alice", "bob")}
    for _ in range(ROUNDS):
        await asyncio.sleep(moments.uniform(0.0, 1.0))
        await guests.hub.kill_proxy()
        guests.hub.start_proxy()
        for user, state in before.items():
            await guests.goes_on(user, state)
        await guests.are_alone(2)


async def test_the_active_resource_manager_is_killed_under_a_hub(
    guests: Guests, moments: random.Random, fault_cluster: HadoopCluster
) -> None:
    before = await guests.start("bob")
    for _ in range(ROUNDS):
        killed = await fault_cluster.active_resource_manager()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(_forgiving(guests.ask("alice")))
            await asyncio.sleep(moments.uniform(0.0, 1.5))
            await fault_cluster.kill(killed)
            await asking
        await guests.start("alice")
        await guests.goes_on("bob", before)
        await fault_cluster.restart(killed)
        await guests.are_alone(2)
        await guests.hub.stop_server("alice")
        await guests.are_alone(1)


async def test_a_node_is_lost_under_a_hub(
    guests: Guests, moments: random.Random, fault_cluster: HadoopCluster
) -> None:
    for _ in range(ROUNDS):
        before = {user: await guests.start(user) for user in ("alice", "bob")}
        name = moments.choice(("nodemanager-1", "nodemanager-2"))
        there = {pid for pid, variables in stand_ins().items() if f"/{name}/" in variables}
        await fault_cluster.kill(name)
        kill(*there)
        for user, state in before.items():
            if state["pid"] in there:
                await guests.until(partial(guests.has_none, user), f"{user} is told")
            else:
                await guests.goes_on(user, state)
        await guests.are_alone(len(before.keys() - _on(before, there)))
        await fault_cluster.restart(name)


def _on(states: dict[str, dict[str, int]], pids: set[int]) -> set[str]:
    return {user for user, state in states.items() if state["pid"] in pids}


async def _forgiving(request: Awaitable[object]) -> None:
    """What is cut off in the middle is no error: it is looked at afterwards."""
    with contextlib.suppress(httpx.TransportError):
        await request

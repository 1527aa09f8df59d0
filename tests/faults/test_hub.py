"""A hub with servers of its users, and all that may be killed under it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.walk import processes
from faults.conftest import ROUNDS
from hub.hub import PROJECT, Hub
from yarnhub.client.client import Client
from yarnhub.integrations.jupyterhub.request import TAG
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from yarnhub.client.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 90 * ROUNDS)]

STAND_IN = PROJECT / "tests" / "hub" / "stand_in.py"
CONFIG = f"""
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.JupyterHub.cleanup_servers = False
c.YarnSpawner.cmd = [{shlex.join([sys.executable, str(STAND_IN)])!r}]
c.YarnSpawner.mem_limit = "64 M"
c.YarnSpawner.grace_period = 1
c.YarnSpawner.poll_interval = 2
c.YarnSpawner.http_timeout = 8
c.JupyterHub.last_activity_interval = 2  # how often a proxy that was started anew is looked for
"""
RECOVERY = 60.0
"""Seconds within which all has to be well again."""
NOT_ENDED = tuple(state for state in YarnApplicationState if not state.ended)


class Guests:
    """The users of a hub, through its proxy and its API.

    Args:
        hub: Theirs.
        settings: Of the cluster.
    """

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self.hub = hub
        self._settings = settings

    async def until(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        """Look until something is so; what fails to answer meanwhile is asked again."""
        try:
            async with asyncio.timeout(RECOVERY):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if await condition():
                            return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pytest.fail(f"not within {RECOVERY:g} s: {what}\n{self.hub.tail()}")

    async def ask(self, user: str) -> httpx.Response:
        """Ask for a server."""
        return await self.hub.api.post(f"/users/{user}/server")

    async def is_ready(self, user: str) -> bool:
        """Whether the hub says that a user's server is ready."""
        answer = (await self.hub.api.get(f"/users/{user}")).json()
        return any(server["ready"] for server in answer.get("servers", {}).values())

    async def has_none(self, user: str) -> bool:
        """Whether the hub says that a user has no server."""
        answer = await self.hub.api.get(f"/users/{user}")
        return answer.is_success and not answer.json()["servers"]

    async def start(self, user: str) -> dict[str, int]:
        """Have a server started, as often as it takes; returns its state."""

        async def ready() -> bool:
            if await self.is_ready(user):
                return True
            await self.ask(user)
            return False

        await self.until(ready, f"{user}'s server is ready")
        return await self.state(user)

    async def state(self, user: str) -> dict[str, int]:
        """What a server says of itself, through the proxy."""
        found: dict[str, int] = {}

        async def told() -> bool:
            answer = await self.hub.api.get(f"{self.hub.url}/user/{user}/state")
            with contextlib.suppress(ValueError):
                found.update(answer.json() if answer.status_code == httpx.codes.OK else {})
            return bool(found.get("pid"))

        await self.until(told, f"{user}'s server answers")
        return found

    async def goes_on(self, user: str, before: dict[str, int]) -> None:
        """Fail unless a server is the one that it was, with all that it had in memory."""
        now = await self.state(user)
        assert now["pid"] == before["pid"], f"{user}'s server is another one"
        assert now["count"] > before["count"]
        before.update(now)

    async def applications(self) -> list[str]:
        """What runs on YARN for the hub, as ids."""
        request = GetApplicationsRequest(application_tags=(TAG,), application_states=NOT_ENDED)
        async with Client(self._settings) as client:
            return [str(report.application_id) for report in await client.applications(request)]

    async def sweep(self) -> None:
        """End what nobody has, as an administrator does."""

        async def swept() -> bool:
            return (await self.hub.api.delete("/yarnspawner/orphans")).is_success

        await self.until(swept, "orphans are ended")

    async def are_alone(self, count: int) -> None:
        """Fail unless so many servers run, on YARN and as processes, and no more."""

        async def so_many() -> bool:
            return len(await self.applications()) == len(stand_ins()) == count

        await self.until(so_many, f"{count} servers run: {stand_ins()}")


def stand_ins() -> dict[int, str]:
    """The servers' processes, with the environment of each."""
    return {
        pid: variables
        for pid, (_, command, variables) in processes().items()
        if str(STAND_IN) in command and "CONTAINER_ID" in variables and "/bash" not in command
    }


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
            assert await guests.is_ready(user)
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
        for pid in there:
            os.kill(pid, signal.SIGKILL)
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

"""The users of a hub under which things are killed."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.walk import processes
from hub.hub import PROJECT, Hub
from yarnhub.client.client import Client
from yarnhub.integrations.jupyterhub.server_request import SERVICE
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.client.access.settings import Settings


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
        request = GetApplicationsRequest(application_tags=(SERVICE,), application_states=NOT_ENDED)
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

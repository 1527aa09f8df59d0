"""A user's Jupyter server, the kernel service and the hub, each killed under a kernel.

Whatever was killed: it is the same session, the same process and the same variables.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.walk import of_application
from faults.conftest import ROUNDS
from faults.spark_kernels import kill
from hub.kernel_service import HubWithKernels, kernel_servers
from server.gateway.kernel_client import KernelClient
from unmanaged.held import alive
from yarnhub.integrations.kernels import words

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180 + 60 * ROUNDS)]

USER = "alice"
REMEMBER = "import os, uuid; x = uuid.uuid4()"
RECALL = "print(os.getpid(), x)"
CELL = "import time; time.sleep(1); print('end')"


class Guest:
    """Alice with her notebook: a session, whose kernel has a container of its own.

    Args:
        hub: Hers.
        token: Of the hub, hers.
        settings: Of the cluster.
    """

    def __init__(self, hub: HubWithKernels, token: str, settings: Settings) -> None:
        self.hub = hub
        self._settings = settings
        self._authorization = f"token {token}"
        self.http = httpx.AsyncClient(
            base_url=f"{hub.url}/user/{USER}/api",
            headers={"Authorization": self._authorization},
            timeout=60,
            trust_env=False,
        )

    async def start_server(self) -> None:
        """Start her server, and wait until it is ready."""
        (await self.hub.api.post(f"/users/{USER}/server")).raise_for_status()
        async with asyncio.timeout(120):
            while not (server := await self._server()) or not server["ready"]:
                await asyncio.sleep(0.05)

    async def _server(self) -> dict[str, object]:
        servers = (await self.hub.api.get(f"/users/{USER}")).json()["servers"]
        return dict(servers.get("", {}))

    async def kill_server(self) -> None:
        """Kill all processes of her server's container, and wait until the hub knows."""
        (server,) = (await self.hub.api.get(f"/users/{USER}")).json()["servers"].values()
        kill(*of_application(server["state"]["application_id"]))
        await self.hub.server_ended(USER)

    async def open_notebook(self) -> tuple[str, str, str]:
        """Start a session with a kernel that has a variable; returns what `find` returns."""
        kernel = {"name": "science"}
        body = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": kernel}
        answer = await self.http.post("/sessions", json=body)
        answer.raise_for_status()
        session = answer.json()
        await self.execute(session["kernel"]["id"], REMEMBER)
        return await self.find()

    async def find(self) -> tuple[str, str, str]:
        """The ids of her session and its kernel, and what this knows."""
        (session,) = (await self.http.get("/sessions")).json()
        kernel = session["kernel"]["id"]
        return session["id"], kernel, await self.execute(kernel, RECALL)

    async def execute(self, kernel: str, code: str) -> str:
        """What code prints, with a new client."""
        client = await asyncio.to_thread(self.client, kernel)
        try:
            return await asyncio.to_thread(client.execute, code)
        finally:
            client.close()

    def client(self, kernel: str) -> KernelClient:
        """A new client of her kernel."""
        return KernelClient(f"{self.http.base_url}kernels/{kernel}", self._authorization)

    async def has(self, applications: int) -> None:
        """Wait until so many applications are left, and no more."""
        async with asyncio.timeout(60):
            while len(await alive(self._settings)) != applications:
                await asyncio.sleep(0.1)


@pytest.fixture
async def guest(
    fault_cluster: HadoopCluster, settings: Settings, shared_python: Path, tmp_path: Path
) -> AsyncIterator[Guest]:
    with kernel_servers(shared_python.parent.parent):
        async with HubWithKernels(tmp_path, fault_cluster, shared_python) as hub:
            guest = Guest(hub, await hub.token_of(USER), settings)
            async with guest.http:
                await guest.start_server()
                yield guest
                await hub.stop_server(USER)
    await guest.has(0)


async def test_her_server_is_killed(guest: Guest, moments: random.Random) -> None:
    before = await guest.open_notebook()
    for _ in range(ROUNDS):
        await asyncio.sleep(moments.uniform(0, 1))
        await guest.kill_server()
        await guest.start_server()
        assert await guest.find() == before
        await guest.has(2)


async def test_the_service_is_killed(guest: Guest, moments: random.Random) -> None:
    before = await guest.open_notebook()
    client = await asyncio.to_thread(guest.client, before[1])
    for _ in range(ROUNDS):
        cell = client.send(CELL)
        await asyncio.sleep(moments.uniform(0, 1.5))
        await guest.hub.service.kill()
        await asyncio.sleep(moments.uniform(0, 1))
        await guest.hub.service.start()
        output = await asyncio.to_thread(client.output, cell)
        assert output == "end\n" or words.lost_end() in output
        assert await guest.find() == before
        await guest.has(2)
    client.close()


async def test_the_hub_is_killed(guest: Guest, moments: random.Random) -> None:
    before = await guest.open_notebook()
    client = await asyncio.to_thread(guest.client, before[1])
    for _ in range(ROUNDS):
        await asyncio.sleep(moments.uniform(0, 1))
        await guest.hub.kill()
        assert await asyncio.to_thread(client.execute, RECALL) == before[2], "it goes on"
        await guest.hub.start()
        assert await guest.find() == before
        await guest.has(2)
    client.close()

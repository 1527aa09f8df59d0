"""Users of a server with our backend, through dask-gateway's REST API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Self

import httpx
from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth

from e2e.walk import processes
from yarnhub.integrations.dask_gateway.specification import tag_of
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from integrations.dask_gateway.server import DaskGatewayServer
    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import ApplicationReport

CONFIG = f"""
from dask_gateway_server.options import Integer, Mapping, Options, String

c.DaskGateway.backend_class = "yarnhub.integrations.dask_gateway.YarnBackend"
c.DBBackendBase.db_url = "sqlite:///gateway.sqlite"
c.YarnClusterConfig.scheduler_cmd = "{sys.executable} -m distributed.cli.dask_scheduler"
c.YarnClusterConfig.worker_cmd = "{sys.executable} -m distributed.cli.dask_worker"
c.YarnClusterConfig.scheduler_memory = c.YarnClusterConfig.worker_memory = "512 M"
c.YarnBackend.cluster_heartbeat_period = 2
c.YarnBackend.worker_start_timeout = 20
c.Backend.cluster_options = Options(
    String("queue", default="default"),
    String("scheduler_cmd", default=c.YarnClusterConfig.scheduler_cmd),
    String("worker_cmd", default=c.YarnClusterConfig.worker_cmd),
    Integer("scheduler_memory", default=512 << 20),
    Integer("worker_memory", default=512 << 20),
    Mapping("files", default={{}}, target="localize_files"),
)
"""


class User:
    """A user of dask-gateway's REST API, whose clusters end with the block."""

    def __init__(self, server: DaskGatewayServer, name: str) -> None:
        url = f"{server.address}/api/v1/clusters/"
        self.http = httpx.AsyncClient(base_url=url, auth=(name, ""), timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.end_all()
        finally:
            await self.http.aclose()

    async def new(self, **options: object) -> httpx.Response:
        """Ask for a cluster."""
        return await self.http.post("", json={"cluster_options": options})

    async def started(self, **options: object) -> str:
        """The name of a new cluster, which runs."""
        answer = await self.new(**options)
        assert answer.status_code == 201, answer.text
        name = str(answer.json()["name"])
        assert (await self.waited(name)).json()["status"] == "RUNNING"
        return name

    async def waited(self, name: str) -> httpx.Response:
        """What a client gets that waits for a cluster."""
        while True:
            answer = await self.http.get(name, params={"wait": ""})
            if answer.status_code != 200 or answer.json()["status"] != "PENDING":
                return answer

    async def scale(self, name: str, count: int) -> dict[str, Any]:
        """Ask for workers; what a client gets."""
        answer = await self.http.post(f"{name}/scale", json={"count": count})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def end_all(self) -> None:
        """Shut all clusters down: they outlive the server."""
        for name in (await self.http.get("")).json():
            await self.http.delete(name)
            await self.until(name, lambda model: model["status"] in {"STOPPED", "FAILED"})

    async def until(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until a cluster's model is so."""
        async with asyncio.timeout(60):
            while True:
                model: dict[str, Any] = (await self.http.get(name)).json()
                if condition(model):
                    return model
                await asyncio.sleep(0.1)


def gateway(server: DaskGatewayServer, name: str) -> Any:  # without types
    """dask-gateway's own client, for `async with`."""
    return Gateway(
        server.address,
        proxy_address=server.proxy_address,
        auth=BasicAuth(name),
        asynchronous=True,
    )


async def of_cluster(yarn: Client, name: str) -> ApplicationReport:
    """The application of a Dask cluster."""
    request = GetApplicationsRequest(application_tags=(tag_of(name),))
    (report,) = await yarn.applications(request)
    return report


def schedulers(cluster: str) -> list[int]:
    """The processes of a Dask cluster's scheduler."""
    return _of_cluster(cluster, workers=False)


def workers(cluster: str) -> list[int]:
    """The processes of a Dask cluster's workers, the nannies and scripts included."""
    return _of_cluster(cluster, workers=True)


def _of_cluster(cluster: str, *, workers: bool) -> list[int]:
    own = f"DASK_GATEWAY_CLUSTER_NAME={cluster}\n"
    return [
        pid
        for pid, (_, command, variables) in processes().items()
        if own in variables
        and ("DASK_GATEWAY_WORKER_NAME=" in variables) == workers
        and "container_executor" not in command  # the NodeManager's, beside the container
    ]


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send processes a signal; some end with others."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

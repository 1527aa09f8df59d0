"""dask-gateway's proxy is killed, through which schedulers report, and users connect to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

import pytest

from e2e.walk import processes
from integrations.dask_gateway.server import DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, gateway, of_cluster
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.waits]

SILENCE = 4.0
"""Seconds without a heartbeat after which a cluster is given up: two of CONFIG's periods."""
RECOVERY = 60.0
"""Seconds within which there is another proxy."""


@pytest.mark.parametrize("own", [True, False], ids=["started by the server", "by itself"])
async def test_clusters_outlive_the_proxy(
    hadoop_cluster: HadoopCluster, tmp_path: Path, yarn: Client, *, own: bool
) -> None:
    server = DaskGatewayServer(tmp_path / "dask", hadoop_cluster, CONFIG, own_proxy=own)
    async with server, contextlib.AsyncExitStack() as stack:
        if not own:
            await stack.enter_async_context(server.proxy)
        alice = await stack.enter_async_context(User(server, "alice"))
        name = await alice.started()
        if own:
            (pid,) = proxies(server)
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(RECOVERY):
                while proxies(server) in ([], [pid]):
                    await asyncio.sleep(0.1)
        else:
            await server.proxy.kill()
            await runs_on(yarn, name, 2 * SILENCE)
            assert server.log.read_text().count("Schedulers cannot report") == 1
            await server.proxy.start()
        await runs_on(yarn, name, 2 * SILENCE)
        async with gateway(server, "alice") as client, client.connect(name) as cluster:
            await cluster.scale(1)
            async with cluster.get_client(set_as_default=False) as dask:
                assert await dask.submit(sum, [1, 2]) == 3


async def runs_on(yarn: Client, name: str, seconds: float) -> None:
    """For so long, a cluster runs."""
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        report = await of_cluster(yarn, name)
        assert report.yarn_application_state is YarnApplicationState.RUNNING
        await asyncio.sleep(0.5)


def proxies(server: DaskGatewayServer) -> list[int]:
    """The processes of the proxy that a server has started."""
    listens = f"-address {server.address.removeprefix('http://').replace('localhost', '127.0.0.1')}"
    return [
        pid
        for pid, (_, command, _) in processes().items()
        if "dask-gateway-proxy" in command and listens in command
    ]

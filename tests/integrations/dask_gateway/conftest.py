"""Users of the server that a test's module starts, and their cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.dask_gateway.user import User
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from integrations.dask_gateway.server import DaskGatewayServer
    from yarnhub.cluster import HadoopCluster


@pytest.fixture
async def alice(server: DaskGatewayServer) -> AsyncIterator[User]:
    async with User(server, "alice") as user:
        yield user


@pytest.fixture
async def bob(server: DaskGatewayServer) -> AsyncIterator[User]:
    async with User(server, "bob") as user:
        yield user


@pytest.fixture
async def yarn(hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Client]:
    env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    async with Client(Settings.from_environment(env)) as client:
        yield client

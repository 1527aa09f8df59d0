"""The contract on the fake nodes and on a real cluster's."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from client.logs.aggregated_logs import run_application
from client.logs.contract import CONTENT, LOG, Contract, World, address_of
from client.logs.fake_nodes import SETTINGS, FakeNodes
from hadoop.http_server import server
from yarnhub.base.errors import AttemptNotFoundError
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.logs.node import NodeLogs
from yarnhub.yarn.records.ids import ApplicationAttemptId, ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

NUMBER = "container_1_0003_01_000002"


class TestFake(Contract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        nodes = FakeNodes({NUMBER: {LOG: CONTENT, "empty": b""}}, [NUMBER])
        async with server(nodes) as url:
            nodes.addresses[NUMBER] = url.partition("//")[2]
            yield World(nodes, SETTINGS, ContainerId.parse(NUMBER))


@pytest.mark.cluster
class TestReal(Contract):
    @pytest.fixture
    async def world(self, hadoop_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[World]:
        number = await run_application(
            hadoop_cluster,
            f"printf 'one\\ntwo\\n' > <LOG_DIR>/{LOG}; : > <LOG_DIR>/empty; sleep 600",
        )
        attempt = ApplicationAttemptId(application_id=number, attempt_id=1)
        settings = Settings.from_environment(
            {
                **hadoop_cluster.env,
                "HADOOP_USER_NAME": "alice",
                "SKEIN_CONFIG": str(tmp_path / "config"),
            }
        )
        async with Client(settings) as client:
            world = World(
                client.resource_manager, settings, ContainerId(app_attempt_id=attempt, id=1)
            )
            try:
                async with asyncio.timeout(60):
                    while not await _has_written(world):
                        await asyncio.sleep(0.1)
                yield world
            finally:
                await client.kill(number)


async def _has_written(world: World) -> bool:
    with contextlib.suppress(AttemptNotFoundError, ValueError):  # it is not listed
        sizes = await NodeLogs(world.settings).list(await address_of(world), world.container_id)
        return "empty" in (sizes or {})
    return False

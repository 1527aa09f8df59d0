"""The contract on the fake ResourceManager and on a real one."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import pytest

from watch.contract import Contract, World
from watch.fake_resource_manager import FakeResourceManager
from watch.real_resource_manager import RealWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.ids import ApplicationId


class FakeWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.source = self.manager = FakeResourceManager()

    async def submit(self) -> ApplicationId:
        self.manager.now += 10
        return self.manager.submit(tags=(self.tag,))

    async def run(self, number: ApplicationId) -> None:
        self.manager.run(number)

    async def kill(self, number: ApplicationId) -> None:
        self.manager.now += 10
        self.manager.end(number)


class TestFake(Contract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld()


@pytest.mark.cluster
class TestReal(Contract):
    @pytest.fixture
    async def world(self, hadoop_cluster: HadoopCluster) -> AsyncIterator[World]:
        async with RealWorld.open(hadoop_cluster.conf_dir, getpass.getuser()) as world:
            yield world

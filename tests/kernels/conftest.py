"""A holder of kernels without YARN: the launcher and the relay are those of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernels.processes import Cluster, ProcessKernelHolder
from unmanaged.damage import offline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.client.access.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return offline(tmp_path)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    yield cluster
    await cluster.close()


@pytest.fixture
async def holder(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> AsyncIterator[ProcessKernelHolder]:
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        yield holder

"""The published environment of a Dask cluster, as its user finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from environments.published.in_fake_hdfs import Environments
from sessions.in_memory import SETTINGS
from yarnhub.environments.errors import EnvironmentNotFoundError, StoreError
from yarnhub.integrations.dask_gateway.cluster_environment import cluster_environment

if TYPE_CHECKING:
    from pathlib import Path

DASK = ("dask-gateway", "distributed")


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    found = Environments(tmp_path / "hdfs")
    found.use(monkeypatch)
    return found


async def test_a_cluster_gets_its_users_environment(environments: Environments) -> None:
    found = await environments.publish("bob", "dask", packages=DASK)
    assert await cluster_environment(SETTINGS, "bob", "") is None
    used = await cluster_environment(SETTINGS, "bob", "dask")
    assert used is not None
    assert (used.archive, used.key) == (found.file(), found.manifest.key)
    with pytest.raises(EnvironmentNotFoundError, match="not shared with you"):
        await cluster_environment(SETTINGS, "carol", "bob/dask")
    await environments.share("carol", owner="bob", name="dask")
    assert await cluster_environment(SETTINGS, "carol", "bob/dask") == used


async def test_an_environment_without_dask_is_refused(environments: Environments) -> None:
    await environments.publish("bob", packages=("distributed",))
    with pytest.raises(StoreError, match="table has no dask-gateway, which is needed here"):
        await cluster_environment(SETTINGS, "bob", "table")

"""Kernels held by this process, on real clusters; with Kerberos they run as the OS user alice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernels.contract import HolderContract
from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.kernels.local_holder import LocalKernelHolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"], ids=["simple", "kerberos"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    cluster: HadoopCluster = request.getfixturevalue(request.param)
    if cluster.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
    return cluster


def settings_of(cluster: HadoopCluster, folder: Path) -> Settings:
    """A service's, which acts for users."""
    keytab = cluster.options.kerberos and Keytab(str(cluster.keytab("jupyterhub")), "jupyterhub")
    env = {**cluster.env, "SKEIN_CONFIG": str(folder / "config")}
    return Settings.from_environment(env, keytab or None)


@pytest.fixture
def settings(cluster: HadoopCluster, tmp_path: Path) -> Settings:
    return settings_of(cluster, tmp_path)


@pytest.fixture
def python(shared_python: Path) -> Path:
    return shared_python


def hold(settings: Settings, tmp_path: Path) -> LocalKernelHolder:
    return LocalKernelHolder(settings, folder=tmp_path / "kernels", host="localhost")


@pytest.fixture
async def holder(settings: Settings, tmp_path: Path) -> AsyncIterator[LocalKernelHolder]:
    async with hold(settings, tmp_path) as holder:
        yield holder
        for kernel in holder.kernels():
            await kernel.stop(now=True)


class TestLocalHolder(HolderContract):
    """See `HolderContract`."""

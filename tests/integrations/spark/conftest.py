"""Both kinds of cluster with a service's settings, and a folder that all users can read."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from integrations.spark import installations
from integrations.spark.publishing import Publisher
from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.security.kerberos import Keytab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster


@pytest.fixture
def public_folder() -> Iterator[Path]:
    yield from installations.public_folder()


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"], ids=["simple", "kerberos"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    cluster: HadoopCluster = request.getfixturevalue(request.param)
    if cluster.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
    return cluster


@pytest.fixture
def settings(cluster: HadoopCluster, tmp_path: Path) -> Settings:
    """A service's, which acts for users."""
    keytab = cluster.options.kerberos and Keytab(str(cluster.keytab("jupyterhub")), "jupyterhub")
    env = {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}
    return Settings.from_environment(env, keytab or None)


@pytest.fixture
def publisher(cluster: HadoopCluster, tmp_path: Path) -> Publisher:
    return Publisher(cluster, tmp_path)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def root(public_folder: Path) -> Path:
    return public_folder / "spark"


@pytest.fixture
def spark(tmp_path: Path) -> Path:
    return installations.spark(tmp_path / "pyspark")

"""A service that acts for users, as a hub does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.security.kerberos import Keytab

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster


@pytest.fixture
def hub_settings(
    kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
    keytab = Keytab(kerberos_cluster.keytab("jupyterhub"), f"jupyterhub@{kerberos_cluster.realm}")
    env = {**kerberos_cluster.env, "SKEIN_CONFIG": str(tmp_path)}
    return Settings.from_environment(env, keytab)

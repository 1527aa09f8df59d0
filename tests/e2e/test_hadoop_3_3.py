"""An application from submission to logs on Hadoop 3.3, as on 3.4."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.walk import User
from yarnhub.cluster import HadoopCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster


@pytest.fixture
def old_cluster() -> Iterator[HadoopCluster]:
    cluster = HadoopCluster(hadoop="3.3.6")
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


def test_an_application_on_hadoop_3_3(old_cluster: HadoopCluster, tmp_path: Path) -> None:
    user = User(tmp_path, {**old_cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})
    (tmp_path / "data.txt").write_text("shipped")
    (tmp_path / "app.yaml").write_text(
        "name: app\n"
        "services:\n"
        "  s:\n"
        "    resources: {memory: 64, vcores: 1}\n"
        "    files: {data.txt: data.txt}\n"
        "    script: cat data.txt; echo; exec sleep 100\n"
    )
    application = user.skein("application", "submit", "app.yaml").stdout.strip()
    user.skein("kv", "put", application, "--key", "greeting", "--value", "hello")
    got = user.skein("kv", "get", application, "--key", "greeting", "--wait")
    assert got.stdout == "hello\n"
    user.run(
        "bash", "-c", f"until grep -rqs shipped {old_cluster.state}/yarn/*/logs; do sleep 0.1; done"
    )
    user.skein("application", "shutdown", application)
    status = user.skein("application", "status", application).stdout
    assert "FINISHED    SUCCEEDED" in status
    assert "\nshipped\n" in user.skein("application", "logs", application).stdout

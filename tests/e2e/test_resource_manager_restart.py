"""The ResourceManager is killed under a running application and started again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.walk import User, eventually
from yarnhub.cluster import HadoopCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster


@pytest.fixture
def cluster() -> Iterator[HadoopCluster]:
    cluster = HadoopCluster()
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


def containers(user: User, application: str) -> dict[str, str]:
    table = user.skein("container", "ls", application).stdout.splitlines()[1:]
    return {row.split()[1]: row.split()[2] for row in table}


def test_an_application_goes_on_as_if_nothing_had_been(
    cluster: HadoopCluster, tmp_path: Path
) -> None:
    user = User(tmp_path, {**cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})
    started = tmp_path / "started"
    (tmp_path / "app.yaml").write_text(
        "name: app\n"
        "services:\n"
        "  s:\n"
        "    instances: 2\n"
        "    resources: {memory: 64, vcores: 1}\n"
        f"    script: echo $SKEIN_CONTAINER_ID >> {started}; exec sleep 100\n"
    )
    application = user.skein("application", "submit", "app.yaml").stdout.strip()
    user.skein("kv", "put", application, "--key", "k", "--value", "v")
    eventually(lambda: started.exists() and len(started.read_text().split()) == 2, "two run")

    asyncio.run(cluster.kill("resourcemanager"))
    asyncio.run(cluster.restart("resourcemanager"))

    # Nothing was lost, and nothing was started twice.
    assert user.skein("kv", "get", application, "--key", "k").stdout == "v\n"
    running = {"s_0": "RUNNING", "s_1": "RUNNING"}
    assert containers(user, application) == running
    user.skein("container", "scale", application, "--service", "s", "--number", "3")
    eventually(lambda: len(started.read_text().split()) == 3, "a third one runs", deadline=60)
    assert sorted(started.read_text().split()) == ["s_0", "s_1", "s_2"]
    user.skein("application", "shutdown", application)
    assert "FINISHED    SUCCEEDED" in user.skein("application", "status", application).stdout

"""A reader: somebody new on a machine and on a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from docs.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster

BIN = Path(sys.executable).parent

TO_REGISTRIES = ("UV_", "PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables, or beginnings of them, by which this machine reaches package registries."""


@pytest.fixture
def reader(
    hadoop_cluster: HadoopCluster, tmp_path: Path, packages: dict[str, str]
) -> Iterator[Session]:
    """A session of a user of its own, whose cluster called `default` is the one of the tests."""
    user = f"reader-{uuid.uuid4().hex[:8]}"
    in_hdfs(hadoop_cluster, f"/user/{user}", op="MKDIRS")
    in_hdfs(hadoop_cluster, f"/user/{user}", op="SETOWNER", owner=user)
    states = tmp_path / ".local" / "state" / "yarnhub"
    states.mkdir(parents=True)
    (states / "default").symlink_to(hadoop_cluster.state)
    session = Session(
        tmp_path, {**environment(tmp_path, user), **hadoop_cluster.variables, **packages}
    )
    yield session
    skein = str(BIN / "skein")
    listed = [skein, "application", "ls", "--user", user]
    rows = subprocess.run(
        listed, env=session.env, check=True, capture_output=True, text=True
    ).stdout
    for row in rows.splitlines()[1:]:
        subprocess.run([skein, "application", "kill", row.split()[0]], env=session.env, check=True)
    in_hdfs(hadoop_cluster, f"/user/{user}", op="DELETE", recursive="true")


@pytest.fixture(scope="session")
def packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables by which uv and pip take `yarnhub` for what is here."""
    constraint = tmp_path_factory.mktemp("packages") / "constraint.txt"
    constraint.write_text(f"yarnhub @ {wheel.as_uri()}\n")
    return {"UV_CONSTRAINT": str(constraint), "PIP_CONSTRAINT": str(constraint)}


def environment(home: Path, user: str) -> dict[str, str]:
    """What the reader's shell has: nothing of ours but what may be downloaded once for all."""
    ours = os.environ  # noqa: TID251  # for subprocesses
    cache = ours.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    ways = {name: ours[name] for name in ours if name.upper().startswith(TO_REGISTRIES)}
    return {
        **ways,
        "HOME": str(home),
        "USER": user,
        "HADOOP_USER_NAME": user,
        "PATH": f"{BIN}:{ours['PATH']}",
        "XDG_CACHE_HOME": cache,
        "XDG_CONFIG_HOME": ours.get("XDG_CONFIG_HOME") or str(Path.home() / ".config"),
        "LANG": "C.UTF-8",
    }


def in_hdfs(cluster: HadoopCluster, path: str, **query: str) -> None:
    """Ask the NameNode as its administrator, who started it."""
    method = httpx.delete if query["op"] == "DELETE" else httpx.put
    query["user.name"] = cluster.host.user
    method(f"{cluster.web_hdfs_url}{path}", params=query).raise_for_status()

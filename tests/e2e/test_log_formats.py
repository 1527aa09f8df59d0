"""Logs as a cluster aggregates them that was set up in another way than by default."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from e2e.walk import SKEIN, User
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.options import ClusterOptions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster

SITE = {
    "yarn.log-aggregation.file-formats": "IFile",
    "yarn.log-aggregation.file-controller.IFile.class": (
        "org.apache.hadoop.yarn.logaggregation.filecontroller.ifile."
        "LogAggregationIndexedFileController"
    ),
    "yarn.nodemanager.log-aggregation.compression-type": "gz",
    # As in Hadoop 2, where it is the default: no launch_container.sh among the logs.
    "yarn.nodemanager.log-container-debug-info.enabled": "false",
    # Started anew, the ResourceManager has forgotten what had ended.
    "yarn.resourcemanager.state-store.max-completed-applications": "0",
}
SPEC = """\
name: indexed
services:
  counter:
    resources: {memory: 64, vcores: 1}
    instances: 2
    script: seq 1 200000; printf '\\0\\377'
"""


async def test_indexed_and_compressed_logs_byte_for_byte(tmp_path: Path) -> None:
    async with HadoopCluster(ClusterOptions(site={"yarn-site.xml": SITE})) as cluster:
        user = User(tmp_path, {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")})
        (tmp_path / "spec.yaml").write_text(SPEC)
        application = user.skein("application", "submit", "spec.yaml").stdout.strip()
        user.skein("application", "wait", application)
        whole = tmp_path / "whole"
        logs = ("application", "logs", application, "--container", "counter_1", "--file")
        read(user, whole, *logs, "counter.log")
        wanted = b"".join(b"%d\n" % number for number in range(1, 200_001)) + b"\0\xff"
        assert whole.read_bytes() == wanted

        await cluster.kill("resourcemanager")
        await cluster.restart("resourcemanager")
        assert (
            "doesn't exist" in user.skein("application", "status", application, check=False).stderr
        )
        whole.unlink()
        read(user, whole, *logs, "counter.log")
        assert whole.read_bytes() == wanted
        listed = user.skein("application", "logs", application, "--list").stdout
        names = [line.split()[0] for line in listed.splitlines()[1:]]
        assert {"counter_0", "counter_1", "master"} <= set(names)


def read(user: User, into: Path, *words: str) -> None:
    command = [str(SKEIN), *words]
    with into.open("wb") as out:
        subprocess.run(command, env=dict(user.env), stdout=out, check=True, timeout=60)

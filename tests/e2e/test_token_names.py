"""A cluster whose tokens are filed under the names of daemons."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from e2e.walk import log_in
from yarnhub.cluster import ClusterOptions, HadoopCluster
from yarnhub.hadoop.host_names import USE_IP

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster

SPEC = """\
name: hello
services:
  s:
    resources: {memory: 512, vcores: 1}
    files: {data.txt: data.txt}
    script: |
      cat data.txt
      echo
      HDFS dfs -ls /user/alice > /dev/null && echo Java finds its token
"""


async def test_localizer_log_aggregation_and_java_find_their_tokens(tmp_path: Path) -> None:
    site = {"core-site.xml": {USE_IP: "false"}}
    options = ClusterOptions(kerberos=True, site=site)
    async with HadoopCluster(options) as cluster:
        alice = await log_in(cluster, "alice", tmp_path / "alice")
        hdfs = shutil.which("hdfs", path=alice.env["PATH"])
        assert hdfs is not None
        (alice.folder / "data.txt").write_text("shipped")
        (alice.folder / "hello.yaml").write_text(SPEC.replace("HDFS", hdfs))
        application = alice.skein("application", "submit", "hello.yaml").stdout.strip()
        alice.skein("kv", "get", application, "--key", "none", "--wait", check=False)
        # The files came through the localizer; the logs, from HDFS through log aggregation.
        logs = alice.skein("application", "logs", application).stdout
        assert "shipped\nJava finds its token\n" in logs
        assert "FINISHED    SUCCEEDED" in alice.skein("application", "status", application).stdout

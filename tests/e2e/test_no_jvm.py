"""Apart from Hadoop's own daemons no JVM runs, ever."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from e2e.walk import User, processes

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

HADOOPS_OWN = ("-Dproc_", "jspawnhelper", "ContainerLocalizer")
"""A daemon, its helper to start a process, and a NodeManager's helper to fetch files."""


class JavaWatch:
    """Looks at all processes without a pause, and keeps every JVM of a cluster and its clients.

    Args:
        cluster: The cluster, whose folder is in the variables of all of them: other tests, which
            run at the same time, start JVMs for Spark.
    """

    def __init__(self, cluster: HadoopCluster) -> None:
        self._folder = str(Path(cluster.env["HADOOP_CONF_DIR"]).parent)
        self.seen: dict[int, str] = {}
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.looks += 1
            for number, (_, command, variables) in processes().items():
                program = command.partition(" ")[0].rpartition("/")[2]
                if self._folder not in variables and self._folder not in command:
                    continue
                if program == "java" or "jspawnhelper" in program:
                    self.seen[number] = command


def test_an_application_starts_no_jvm(hadoop_cluster: HadoopCluster, tmp_path: Path) -> None:
    user = User(tmp_path, {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})
    (tmp_path / "data.txt").write_text("data")
    (tmp_path / "app.yaml").write_text(
        "name: app\n"
        "master: {script: 'sleep 1'}\n"
        "services:\n"
        "  s:\n"
        "    resources: {memory: 64, vcores: 1}\n"
        "    files: {data.txt: data.txt}\n"
        "    script: cat data.txt\n"
    )
    before = {n: c for n, (_, c, _) in processes().items() if "java" in c}
    with JavaWatch(hadoop_cluster) as watch:
        application = user.skein("application", "submit", "app.yaml").stdout.strip()
        user.skein("application", "ls")
        user.skein("kv", "get", application, "--key", "none", "--wait", check=False)
        user.skein("application", "status", application)
        user.skein("application", "logs", application, check=False)
    assert watch.looks > 10
    new = {command for number, command in watch.seen.items() if number not in before}
    assert {command for command in new if not any(own in command for own in HADOOPS_OWN)} == set()


def test_the_watch_sees_a_jvm(hadoop_cluster: HadoopCluster) -> None:
    java = hadoop_cluster.java_home / "bin" / "java"
    with JavaWatch(hadoop_cluster) as watch:
        subprocess.run([java, "-version"], env=hadoop_cluster.env, check=True, capture_output=True)
    assert any("-version" in command for command in watch.seen.values())

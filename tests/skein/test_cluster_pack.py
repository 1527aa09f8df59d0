"""cluster-pack itself, on our skein and with our HDFS behind fsspec."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from yarnhub.cluster.hadoop import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

# Those that it imports or runs; pyarrow and s3fs, which it does not, take 200 MB.
PACKAGES = (
    *("cluster-pack", "cloudpickle", "fire", "termcolor", "pex", "wheel-filename", "packaging"),
    *("setuptools", "fsspec"),
)

PROGRAM = """
import pathlib
import sys
import cluster_pack
import skein
from cluster_pack import filesystem
from cluster_pack.skein import skein_launcher

home = "hdfs:///tmp/cluster-pack"

class Packer(cluster_pack.Packer):
    # Of a pex, cluster-pack needs a file that takes Python's arguments.
    def env_name(self):
        return "environment"

    def extension(self):
        return "pex"

    def pack(self, output, **_):
        print("packed")
        script = pathlib.Path(output)
        script.write_text(f'#!/bin/sh\\nexec {sys.executable} "$@"\\n')
        script.chmod(0o755)
        return output

def add(*numbers):
    hdfs, path = filesystem.resolve_filesystem_and_path(f"{home}/sum")
    with hdfs.open(path, "wb") as file:
        file.write(f"{sum(numbers)} by {skein.properties.container_id}".encode())
    print("written")

hdfs, path = filesystem.resolve_filesystem_and_path(home)
try:
    for _ in range(2):
        pex, _ = cluster_pack.upload_env(f"{home}/environment.pex", packer=Packer())
    with skein.Client() as client:
        app_id = skein_launcher.submit_func(
            client, add, [1, 41], "adder", package_path=pex, memory="256 MiB",
            hadoop_file_systems=[home],
        )
        print(skein_launcher.wait_for_finished(client, app_id, poll_every_secs=1))
        logs = skein_launcher.get_application_logs(client, app_id, wait_for_nb_logs=2)
    print(hdfs.cat(f"{path}/sum"), "written" in logs.dumps())
finally:
    hdfs.rm(path, recursive=True)
"""


def test_a_function_runs_in_an_environment_from_hdfs(
    hadoop_cluster: HadoopCluster, wheel: Path, tmp_path: Path
) -> None:
    uv = Path(sys.executable).parent / "uv"
    python = tmp_path / "venv" / "bin" / "python"
    install = (uv, "pip", "install", "-q", "--python", python)
    for command in (
        (uv, "venv", "-q", "--seed", "--python", sys.executable, tmp_path / "venv"),
        (*install, wheel),
        (*install, "--no-deps", *PACKAGES),
    ):
        subprocess.run(command, check=True, timeout=120)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    done = subprocess.run(
        [python, program],
        env={
            **os.environ,  # noqa: TID251
            **hadoop_cluster.variables,
            "HADOOP_CONF_DIR": str(hadoop_cluster.conf_dir),
            "SKEIN_CONFIG": str(tmp_path / "skein"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["packed", "True", "b'42 by adder_0' True"]

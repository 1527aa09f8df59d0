"""Programs that open HDFS with fsspec, as pyarrow's users write it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.walk import PROJECT
from yarnhub.hadoop.conf import Configuration

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster.hadoop import HadoopCluster

IMPORTS = [
    "import fsspec, skein",
    "import skein, fsspec",
    "import fsspec; fsspec.get_filesystem_class('hdfs'); import skein",
]


def run(program: str, conf: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HADOOP_CONF_DIR": str(conf), **variables},  # noqa: TID251
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://localhost:9</value>"
        "</property></configuration>"
    )
    return tmp_path


@pytest.mark.parametrize("imports", IMPORTS)
def test_pyarrows_conventions_are_known_in_any_order_of_imports(imports: str, conf: Path) -> None:
    program = f"""
{imports}
for options in (
    dict(host="default"), dict(host="default", port=0), dict(host="hdfs://nn"), dict(host="nn"),
    dict(host="nn", port=9000, extra_conf={{"dfs.replication": 1}}, replication=1),
):
    print(fsspec.filesystem("hdfs", **options).unstrip_protocol("/a"))
for url in ("hdfs://nn/a b?c#d", "hdfs://default/x/", "hdfs:///", "/y:z", "hdfs:/a/b", "/y:/z"):
    print(fsspec.filesystem("hdfs")._strip_protocol(url))
print(fsspec.filesystem("hdfs").expand_path(["hdfs:///a", "/b"]))
print(fsspec.get_filesystem_class("viewfs").__module__)
"""
    assert run(program, conf).splitlines() == [
        "hdfs:///a",
        "hdfs:///a",
        "hdfs://nn/a",
        "hdfs://nn/a",
        "hdfs://nn:9000/a",
        "/a b?c#d",
        "/x",
        "/",
        "/y:z",
        "/a/b",
        "/y:/z",
        "['/a', '/b']",
        "yarnhub.filesystem.fsspec_hdfs",
    ]


def test_another_user_is_an_error_and_not_another_owner(conf: Path) -> None:
    program = 'import skein, fsspec; fsspec.filesystem("hdfs", host="default", user="eve")'
    assert "this process acts as 'alice' in HDFS" in run(program, conf, HADOOP_USER_NAME="alice")
    assert run(program, conf, HADOOP_USER_NAME="eve") == ""


def test_a_name_that_somebody_else_has_taken_stays_his(conf: Path) -> None:
    program = """
import fsspec
fsspec.register_implementation("hdfs", "theirs.HdfsFileSystem", clobber=True)
import skein
from fsspec.registry import known_implementations
print(known_implementations["hdfs"]["class"])
"""
    assert run(program, conf).splitlines()[-1] == "theirs.HdfsFileSystem"


def test_skein_is_imported_without_fsspec(conf: Path) -> None:
    program = "import sys, skein; skein.Client; print('fsspec' in sys.modules)"
    assert run(program, conf) == "False\n"


@pytest.mark.cluster
@pytest.mark.parametrize("named", [True, False])
def test_files_are_written_and_read(named: bool, hadoop_cluster: HadoopCluster) -> None:
    cluster = Configuration.load(hadoop_cluster.conf_dir)
    host = cluster.get("fs.defaultFS") if named else "default"
    program = f"""
import skein, fsspec
hdfs = fsspec.filesystem("hdfs", host={host!r}, replication=1)
with hdfs.open("/tmp/fsspec/a?b#c", "wb") as file:
    file.write(b"content")
print(hdfs.ls("/tmp/fsspec", detail=False), hdfs.cat("/tmp/fsspec/a?b#c"))
hdfs.rm("/tmp/fsspec", recursive=True)
"""
    found = run(program, hadoop_cluster.conf_dir, **hadoop_cluster.variables)
    assert found == "['/tmp/fsspec/a?b#c'] b'content'\n"

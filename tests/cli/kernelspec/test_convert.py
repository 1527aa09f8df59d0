"""`yarnhub kernelspec convert`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.kernelspec.running import document, put, run
from integrations.spark.example import SPARK
from yarnhub.cli import kernelspec_spark
from yarnhub.kernels.kernelspec import read

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from yarnhub.integrations.spark.published import PublishedSpark


def test_convert(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = put(
        home / "eg",
        {
            "argv": ["run.sh", "--RemoteProcessProxy.kernel-id", "{kernel_id}"],
            "display_name": "Spark",
            "language": "python",
            "env": {"SPARK_OPTS": "--queue research"},
            "metadata": {"process_proxy": {"class_name": "x", "config": {"port_range": "1..2"}}},
        },
    )
    code, out, err = run(capsys, "convert", str(folder / "kernel.json"))
    assert code == 0
    assert json.loads(out)["metadata"]["kernel_provisioner"]["config"] == {"queue": "research"}
    assert err == (
        "Note: config.port_range is not needed: the launcher connects to the gateway, and listens "
        "nowhere\n"
    )
    (home / "new").mkdir()
    output = home / "new/kernel.json"
    arguments = ["convert", str(folder / "kernel.json"), "--output", str(output)]
    assert run(capsys, *arguments)[:2] == (0, "")
    assert output.read_text() == out
    assert "cannot be written: File exists" in run(capsys, *arguments)[2]
    assert run(capsys, "install", "spark", "--template", str(output), "--user")[0] == 0
    assert document(home / "user/kernels/spark")["metadata"]["kernel_provisioner"]["config"] == {
        "queue": "research"
    }
    code, _, err = run(capsys, "convert", str(home / "nowhere"))
    assert (code, "No such file" in err) == (1, True)
    code, _, err = run(capsys, "convert", str(output))
    assert (code, "metadata: has neither Enterprise Gateway's" in err) == (1, True)


def test_convert_with_spark(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def published(root: str, version: str) -> PublishedSpark:
        assert (root, version) == ("/r", "4.3.0")
        return SPARK

    monkeypatch.setattr(kernelspec_spark, "_published", published)
    options = "--driver-memory 2g --executor-memory 4g --files hdfs:///a.ini"
    folder = put(
        home / "eg",
        {
            "argv": ["run.sh", "--RemoteProcessProxy.kernel-id", "{kernel_id}"],
            "display_name": "Spark",
            "language": "python",
            "env": {"SPARK_HOME": "/opt/spark", "SPARK_OPTS": options},
            "metadata": {"process_proxy": {"class_name": "x"}},
        },
    )
    file, output = str(folder / "kernel.json"), str(home / "kernel.json")
    arguments = ["convert", file, "--spark", "4.3.0", "--spark-root", "/r", "--output", output]
    assert run(capsys, *arguments)[0] == 0
    code, _, err = run(capsys, "install", "spark", "--template", output, "--user")
    assert (code, err) == (0, "")
    made = document(home / "user/kernels/spark")
    assert (made["env"], made["argv"][1:3]) == ({}, ["-m", "ipykernel_launcher"])
    found = read(made["metadata"]["kernel_provisioner"]["config"])
    assert found.memory == 2432 << 20
    assert {"__spark_libs__", "pyspark.zip", "a.ini"} <= set(found.all_files)
    assert found.spark is not None
    assert (found.spark.version, found.spark.settings) == (
        "4.3.0",
        {
            "spark.driver.memory": "2048m",
            "spark.executor.memory": "4g",
            "spark.yarn.dist.files": "hdfs:///a.ini#a.ini",
        },
    )
    code, _, err = run(capsys, "convert", file, "--spark-root", "/r")
    assert (code, "--spark-root is for --spark" in err) == (1, True)

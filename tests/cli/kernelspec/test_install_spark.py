"""`yarnhub kernelspec install --spark`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.kernelspec.running import document, run
from integrations.spark.example import SPARK
from yarnhub.cli import kernelspec_spark
from yarnhub.integrations.spark.driver.settings import SparkSettings
from yarnhub.kernels import kernelspec

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.spark.published import PublishedSpark


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The root and the version of what was looked up in HDFS."""
    asked: list[tuple[str, str]] = []

    async def published(root: str, version: str) -> PublishedSpark:
        asked.append((root, version))
        return SPARK

    monkeypatch.setattr(kernelspec_spark, "_published", published)
    return asked


def test_a_kernel_with_spark(
    home: Path, asked: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--spark-setting", "spark.executor.memory=4g", "--queue", "research"]
    code, out, err = run(capsys, "install", "--spark", *options)
    folder = home / "host/kernels/yarn-spark"
    installed = f"Installed: Python with Spark on YARN (yarn-spark) in {folder}\n"
    assert (code, out, err) == (0, installed, "")
    assert asked == [("", "")]
    config = document(folder)["metadata"]["kernel_provisioner"]["config"]
    found = kernelspec.read(config)
    assert found.spark is not None
    assert (found.queue, found.memory) == ("research", 2 << 30)
    assert found.spark.settings == {"spark.executor.memory": "4g"}
    assert set(found.all_files) == {"__spark_libs__", "pyspark.zip", "py4j-0.10.9.9-src.zip"}


def test_its_request_runs_the_program_that_travels_with_the_launcher(
    home: Path, asked: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(capsys, "install", "--spark", "4.3.0", "--spark-root", "/r", "--memory", "4 GiB")[0]
        == 0
    )
    assert asked == [("/r", "4.3.0")]
    made = document(home / "host/kernels/yarn-spark")
    config = kernelspec.read(made["metadata"]["kernel_provisioner"]["config"])
    spec = kernelspec.Kernelspec(name="yarn-spark", argv=made["argv"])
    id_ = "12345678-1234-1234-1234-123456789012"
    request = kernelspec.request_of(config, spec, id=id_, owner="alice", user="alice", asked={})
    assert (request.program, request.memory) == ("spark", 4 << 30)
    assert request.argv[:2] == ("python", "-c")
    assert request.argv[-2:] == ("-f", "{connection_file}")
    assert '"version": "4.3.0"' in request.env["YARNHUB_SPARK"]


def test_a_kernel_for_scala(
    home: Path, asked: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "install", "--spark", "--language", "Scala")
    folder = home / "host/kernels/yarn-scala"
    installed = f"Installed: Scala with Spark on YARN (yarn-scala) in {folder}\n"
    assert (code, out, err) == (0, installed, "")
    assert asked == [("", "")]
    made = document(folder)
    assert (made["language"], made["display_name"]) == ("scala", "Scala with Spark on YARN")
    assert "debugger" not in made["metadata"]
    assert not list(folder.glob("logo*"))
    config = kernelspec.read(made["metadata"]["kernel_provisioner"]["config"])
    spec = kernelspec.Kernelspec(name="yarn-scala", argv=made["argv"])
    id_ = "12345678-1234-1234-1234-123456789012"
    request = kernelspec.request_of(config, spec, id=id_, owner="alice", user="alice", asked={})
    assert (request.program, request.memory) == ("spark", 2 << 30)
    assert SparkSettings.read(request.env["YARNHUB_SPARK"]).language == "scala"
    assert run(capsys, "install", "mine", "--spark", "--language", "scala", "--user",
               "--display-name", "Mine")[0] == 0  # fmt: skip
    assert document(home / "user/kernels/mine")["display_name"] == "Mine"


@pytest.mark.parametrize(("option", "ports"), [([], ""), (["40000-41000"], "40000-41000")])
def test_a_kernelspec_for_spark_connect(
    option: list[str],
    ports: str,
    home: Path,
    asked: list[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--spark", "--memory", "4 GiB", "--spark-connect", *option]
    assert run(capsys, "install", *options)[0] == 0
    made = document(home / "host/kernels/yarn-spark")
    spark = kernelspec.read(made["metadata"]["kernel_provisioner"]["config"]).spark
    assert spark is not None
    assert (spark.connect, spark.connect_ports, spark.connect_idle) == (True, ports, 3600)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--spark-setting", "spark.x=1"], "--spark-connect are for --spark: add it"),
        (["--spark-connect"], "--spark-connect are for --spark: add it"),
        (["--spark", "--spark-connect", "1"], "must be two ports, such as '40000-41000'"),
        (["--spark", "--language", "r"], "--spark is for ipykernel, with cells in Python or Scala"),
        (["--language", "scala"], "--language scala is for kernels with --spark: add it"),
        (["--spark", "--spark-setting", "executor=1"], "begin with 'spark.'"),
        (["--spark", "--spark-setting", "spark.x"], "expected NAME=VALUE"),
    ],
)
@pytest.mark.usefixtures("home", "asked")
def test_what_cannot_be_is_refused(
    options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "install", *options)
    assert code != 0
    assert problem in err

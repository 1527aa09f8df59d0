"""The command of a kernel with Spark."""

from __future__ import annotations

import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.integrations.spark.driver.settings import SparkSettings
from yarnhub.kernels import kernelspec
from yarnhub.kernels.spark import VARIABLE, argv

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.kernels.request import KernelRequest


ID = "00000000-0000-4000-8000-000000000000"


def test_files_beside_a_notebook_are_not_imported_instead_of_modules(tmp_path: Path) -> None:
    package = tmp_path / "zip" / "yarnhub_spark"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "kernel.py").write_text("import html\ndef main(argv): print(html.unescape, argv)\n")
    notebook = tmp_path / "notebook"
    notebook.mkdir()
    for name in ("html.py", "yarnhub_spark.py"):
        (notebook / name).write_text("raise SystemExit('of the notebook')")
    python, option, run, _, *rest = argv((sys.executable, "-m", "ipykernel_launcher", "-f", "file"))
    done = subprocess.run(
        [python, option, run, package.parent, *rest],
        cwd=notebook,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("['-f', 'file']\n"), done.stderr


def test_the_driver_knows_archives_that_executors_can_get() -> None:
    config = kernelspec.read(
        {
            "environment": "hdfs:///environments/science.tar.gz",
            "archives": {"libs": "hdfs:///libs.tar.gz", "local": "/opt/local.tar.gz"},
            "files": {"data": "hdfs:///data.csv"},
            "spark": {
                "version": "4.3.0", "libs": "libs", "python": [], "archive": "hdfs:///libs.tar.gz",
                "python_urls": [],
            },
        }
    )  # fmt: skip
    assert config.spark is not None
    found = SparkSettings.read(config.spark.env(config.all_files, "default")[VARIABLE])
    assert found.archives == {"environment": "hdfs:///environments/science.tar.gz"}


@pytest.mark.parametrize(
    ("own", "expected"), [({}, "research"), ({"spark.yarn.queue": "etl"}, "etl")]
)
def test_executors_are_in_the_queue_of_the_kernel(own: dict[str, str], expected: str) -> None:
    spark = {"version": "4.3.0", "libs": "libs", "python": [], "archive": "", "python_urls": []}
    config = kernelspec.read(
        {"limits": {"KERNEL_QUEUE": ["research"]}, "spark": {**spark, "settings": own}}
    )
    request = kernelspec.request_of(
        config,
        kernelspec.Kernelspec(
            name="spark", argv=("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
        ),
        id=str(uuid.uuid4()),
        owner="alice",
        user="alice",
        asked={"KERNEL_QUEUE": "research"},
    )
    assert request.queue == "research"
    settings = SparkSettings.read(request.env[VARIABLE]).settings
    assert settings["spark.yarn.queue"] == expected


def test_cells_are_python_s_or_scala_s() -> None:
    spark = {"version": "4.3.0", "libs": "libs", "python": [], "archive": "a", "python_urls": []}
    for language in ("python", "scala"):
        config = kernelspec.read({"spark": {**spark, "language": language}})
        assert config.spark is not None
        found = SparkSettings.read(config.spark.env(config.all_files, "default")[VARIABLE])
        assert found.language == language
    with pytest.raises(SpecError, match="python or scala"):
        kernelspec.read({"spark": {**spark, "language": "r"}})


def spark_config(**spark: object) -> kernelspec.KernelspecConfig:
    own = {"version": "4.3.0", "libs": "libs", "python": [], "archive": "", "python_urls": []}
    return kernelspec.read({"spark": {**own, **spark}})


def request_of(config: kernelspec.KernelspecConfig, *, connect: bool) -> KernelRequest:
    spec = kernelspec.Kernelspec(
        name="spark", argv=("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    )
    return kernelspec.request_of(
        config, spec, id=ID, owner="alice", user="alice", asked={}, connect=connect
    )


@pytest.mark.parametrize(("given", "ports"), [("", "0-0"), ("40000-41000", "40000-41000")])
def test_a_spark_connect_server_is_asked_for(given: str, ports: str) -> None:
    config = spark_config(connect=True, connect_ports=given, connect_idle="2h")
    request = request_of(config, connect=True)
    found = SparkSettings.read(request.env[VARIABLE])
    assert request.program == "spark-connect"
    assert (found.connect, found.connect_idle) == (ports, "7200")
    request = request_of(config, connect=False)  # a notebook's
    assert request.program == "spark"
    assert SparkSettings.read(request.env[VARIABLE]).connect == ""


def test_only_some_kernelspecs_are_for_spark_connect() -> None:
    for config in (spark_config(), kernelspec.read({})):
        with pytest.raises(SpecError, match="is not set in this kernelspec"):
            request_of(config, connect=True)


def test_spark_connect_needs_a_spark_that_asks_for_a_token() -> None:
    for version in ("3.5.9", "3.4.4-custom"):
        with pytest.raises(SpecError, match=f"needs Spark 4 or later: .* of Spark {version} does"):
            spark_config(connect=True, version=version)
        assert spark_config(version=version).spark is not None
    for version in ("4.0.0", "10.1", "custom"):
        request = request_of(spark_config(connect=True, version=version), connect=True)
        assert request.program == "spark-connect"


@pytest.mark.parametrize("ports", ["0-1", "2-1", "1-65536", "40000", "a-b", "40000-41000x"])
def test_ports_are_a_range(ports: str) -> None:
    with pytest.raises(SpecError, match="must be two ports, such as '40000-41000'"):
        spark_config(connect_ports=ports)


def test_another_kernel_cannot_have_spark() -> None:
    with pytest.raises(SpecError, match="must run ipykernel"):
        argv(("R", "--slave", "-e", "IRkernel::main()"))

"""What a batch job is made of: its files, properties, environment and command."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integrations.spark.example import FOLDER, SPARK
from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark import batch
from yarnhub.integrations.spark import batch_properties as of
from yarnhub.integrations.spark.batch import BatchJob, PreparedJob
from yarnhub.spec import File, FileType, FileVisibility

if TYPE_CHECKING:
    from pathlib import Path

STAGED = "hdfs://namenode:9000/user/alice/.skein/application_1_0001"
JOB = BatchJob(script="/home/alice/sum of all.py")


def prepared(**changes: object) -> PreparedJob:
    return PreparedJob.of(replace(JOB, **changes), SPARK)  # type: ignore[arg-type]  # by name


def staged(job: PreparedJob) -> dict[str, File]:
    """The files as the client's staging leaves them."""
    spec = job.specification("/tmp/x/__spark_conf__.zip")
    return {
        name: each
        if each.source.startswith("hdfs:")
        else replace(
            each, source=f"{STAGED}/0f/{each.source.rpartition('/')[2]}", size=7, timestamp=8
        )
        for name, each in spec.master.files.items()
    }


def test_the_application() -> None:
    spec = prepared(
        queue="etl", properties={"spark.yarn.tags": "a, b", "spark.yarn.priority": "3"}
    ).specification("/tmp/x/__spark_conf__.zip")
    assert (spec.name, spec.queue, spec.tags) == ("sum_of_all.py", "etl", frozenset("ab"))
    assert (spec.priority, spec.max_attempts, spec.services) == (3, 1, {})
    assert (spec.master.resources.memory, spec.master.resources.vcores) == (1024 + 384, 1)
    kinds = {name: (each.type, each.visibility) for name, each in spec.master.files.items()}
    shared, own = FileVisibility.PUBLIC, FileVisibility.APPLICATION
    assert kinds == {
        "__spark_libs__": (FileType.ARCHIVE, shared),
        "pyspark.zip": (FileType.FILE, shared),
        "py4j-0.10.9.9-src.zip": (FileType.FILE, shared),
        "sum_of_all.py": (FileType.FILE, own),
        "__spark_conf__": (FileType.ARCHIVE, own),
    }


@pytest.mark.parametrize(
    ("properties", "memory"),
    [
        ({}, 1024 + 384),
        ({"spark.driver.memory": "512"}, 512 + 384),
        ({"spark.driver.memory": "10g"}, 11264),
        ({"spark.driver.memory": "1g", "spark.driver.memoryOverhead": "1g"}, 2048),
        ({"spark.driver.memory": "2G", "spark.driver.memoryOverheadFactor": "0.5"}, 3072),
        ({"spark.driver.memory": "1g", "spark.driver.minMemoryOverhead": "100m"}, 1126),
    ],
)
def test_the_memory_of_the_driver(properties: dict[str, str], memory: int) -> None:
    assert of.container_memory(properties) == memory
    executor = {name.replace("driver", "executor"): value for name, value in properties.items()}
    assert of.executor_memory(executor) == memory


def test_python_of_an_executor_can_have_memory_of_its_own() -> None:
    assert of.executor_memory({"spark.executor.pyspark.memory": "1g"}) == 1024 + 1024 + 384


def test_what_the_client_must_set_cannot_be_overridden() -> None:
    found = prepared(properties={"spark.authenticate": "false", "spark.x": "y"}).properties()
    assert found["spark.authenticate"] == "false"
    assert found["spark.x"] == "y"
    assert found["spark.acls.enable"] == "true"
    assert (found["spark.master"], found["spark.submit.deployMode"]) == ("yarn", "cluster")
    assert found["spark.executorEnv.PYTHONPATH"] == (
        "{{PWD}}<CPS>{{PWD}}/pyspark.zip<CPS>{{PWD}}/py4j-0.10.9.9-src.zip"
    )


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"spark.master": "local"}, "--conf spark.master cannot be changed"),
        ({"spark.yarn.stagingDir": "/x"}, "a folder of its own"),
        ({"spark.jars.packages": "a:b:1"}, "leave it out"),
        ({"spark.driver.resource.gpu.amount": "1"}, "leave it out"),
        ({"spark.kerberos.keytab": "x"}, "kinit"),
        ({"spark.submit.pyFiles": "x.py"}, "use --py-files"),
        ({"executor.memory": "1g"}, "expected NAME=VALUE"),
        ({"spark.driver.memory": "lots"}, "spark.driver.memory=lots: expected an amount"),
        ({"spark.executor.memory": "0"}, "spark.executor.memory=0: expected an amount"),
        ({"spark.driver.cores": "0"}, "spark.driver.cores=0: expected a number from 1 on"),
        ({"spark.executor.instances": "many"}, "spark.executor.instances=many: expected a number"),
        ({"spark.executorEnv.PYTHONPATH": "/x"}, "use --py-files"),
        ({"spark.driver.memoryOverheadFactor": "x"}, "must be a number such as 0.1"),
        ({"spark.driver.extraJavaOptions": "-Xmx9g"}, "use spark.driver.memory"),
        ({"spark.driver.extraJavaOptions": "'"}, "No closing quotation"),
        ({"spark.executorEnv.A": 'a "quoted" one'}, "no quotes"),
        ({"spark.yarn.appMasterEnv.SPARK_X": 'a "quoted" one'}, "no quotes"),
        ({"spark.executorEnv.A-B": "x"}, "not the name of a variable"),
        ({"spark.x": "y" * 70_000}, "64 KiB"),
        ({f"spark.x{number}": "" for number in range(1001)}, "too many"),
    ],
)
def test_properties_are_refused(properties: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        prepared(properties=properties)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"script": "/x/job.scala"}, "expected a Python script"),
        ({"script": "/x/.py"}, "expected a Python script"),
        ({"files": ["/x/a b"]}, "SOURCE#NAME"),
        ({"files": ["/x/.skein.crt"]}, "SOURCE#NAME"),
        ({"files": ["/x/a", "/y/a"]}, "there is another file a"),
        ({"files": ["/x/a#pyspark.zip"]}, "there is another file pyspark.zip"),
        ({"files": ["/x/a#__spark_conf__"]}, "there is another file __spark_conf__"),
        ({"archives": ["/x/a.zip#tmp"]}, "there is another file tmp"),
        ({"python_files": ["/x/a.tar"]}, "expected .py, .zip or .egg"),
        ({"files": [f"/x/{number}" for number in range(200)]}, "too many"),
        ({"arguments": ["x" * 70_000]}, "64 KiB"),
        ({"arguments": ["a\0b"]}, "64 KiB"),
    ],
)
def test_files_and_arguments_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        prepared(**changes)


@pytest.mark.parametrize("version", ["3.4.4", "2.4.8", "5.0.0"])
def test_versions_that_are_unknown_are_refused(version: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Spark {re.escape(version)} is unknown"):
        PreparedJob.of(JOB, replace(SPARK, version=version))


@pytest.mark.parametrize("version", ["3.5.9", "4.0.0", "4.12.1"])
def test_known_versions(version: str) -> None:
    assert PreparedJob.of(JOB, replace(SPARK, version=version)).published.version == version


def test_executors_get_the_files_but_not_the_script() -> None:
    job = prepared(
        files=["/x/a, b.txt#a.txt", "hdfs://n/data/c"], environment="hdfs://n/envs/e.tar.gz"
    )
    found = batch.executor_files(staged(job), job.script)
    assert set(found) == {
        f"spark.yarn.cache.{each}"
        for each in ("filenames", "sizes", "timestamps", "types", "visibilities")
    }
    lists = {name.rpartition(".")[2]: value.split(",") for name, value in found.items()}
    rows = list(zip(*(lists[key] for key in ("filenames", "types", "visibilities")), strict=True))
    assert (f"{STAGED}/0f/a%2C%20b.txt#a.txt", "FILE", "APPLICATION") in rows
    assert (f"{STAGED}/0f/__spark_conf__.zip#__spark_conf__", "ARCHIVE", "APPLICATION") in rows
    assert ("hdfs://n/data/c#c", "FILE", "PRIVATE") in rows
    assert ("hdfs://n/envs/e.tar.gz#__environment__", "ARCHIVE", "PRIVATE") in rows
    assert (f"{FOLDER}/spark-libs.tar#__spark_libs__", "ARCHIVE", "PUBLIC") in rows
    assert not any("sum" in row[0] for row in rows)
    assert len(lists["sizes"]) == len(lists["timestamps"]) == len(rows) == 7


def test_the_folder_that_spark_deletes_is_the_applications_own() -> None:
    files = staged(prepared())
    assert batch.own_folder(files, "application_1_0001") == STAGED
    with pytest.raises(AssertionError):
        batch.own_folder(files, "application_1_0002")


def test_secrets_are_in_the_archive_only() -> None:
    job = prepared(
        properties={
            "spark.hadoop.fs.s3a.secret.key": "open sesame",
            "spark.driver.extraJavaOptions": '-Dkey="open sesame"',
        },
        arguments=["open sesame"],
    )
    assert "sesame" not in job.launch_command(staged(job))
    assert "sesame" not in repr(job.environment())
    archive = zipfile.ZipFile(io.BytesIO(job.configuration_archive({"core-site.xml": b"<x/>"})))
    assert archive.read("__hadoop_conf__/core-site.xml") == b"<x/>"
    properties = archive.read("__spark_conf__.properties").decode()
    assert r"spark.hadoop.fs.s3a.secret.key=open\ sesame" in properties.splitlines()
    java = archive.read("__yarnhub_java__").decode().splitlines()
    assert '"-Dkey=open sesame"' in java
    assert java[java.index('"--arg"') + 1] == '"open sesame"'
    classes = java[java.index('"-cp"') + 1].strip('"').split(":")
    assert classes == [
        ".",
        "__spark_conf__",
        "__spark_libs__/a.jar",
        "__spark_libs__/b.jar",
        "__spark_conf__/__hadoop_conf__",
    ]


def test_the_command_runs_java_in_the_containers_folder(tmp_path: Path) -> None:
    """As a NodeManager runs it: in bash -c, with its marks replaced."""
    job = prepared(python_files=["/x/package.zip", "/x/module.py"], files=["/x/a$b`c.txt#a"])
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text('#!/bin/sh\necho "$PYTHONPATH"; printf "%s\\n" "$@"\n')
    java.chmod(0o755)
    command = job.launch_command(staged(job)).replace("<LOG_DIR>", str(tmp_path))
    outer = f'exec /bin/bash -c "{command}"'
    environment = {"JAVA_HOME": str(java.parent.parent), "PATH": "/usr/bin:/bin"}
    subprocess.run(["/bin/bash", "-c", outer], cwd=tmp_path, env=environment, check=True)
    path, *arguments = (tmp_path / "stdout").read_text().splitlines()
    assert path.split(":") == [
        str(tmp_path),
        f"{tmp_path}/package.zip",
        f"{tmp_path}/pyspark.zip",
        f"{tmp_path}/py4j-0.10.9.9-src.zip",
    ]
    assert arguments == [
        f"-Djava.io.tmpdir={tmp_path}/tmp",
        f"-Dspark.yarn.app.container.log.dir={tmp_path}",
        "@__spark_conf__/__yarnhub_java__",
    ]
    written = (tmp_path / "__spark_dist_cache__.properties").read_text()
    assert written == of.properties_file(batch.executor_files(staged(job), job.script))
    assert (tmp_path / "stderr").read_text() == ""


def test_names_that_are_too_long_for_the_command_are_refused() -> None:
    job = prepared(files=[f"hdfs:///{'x' * 900}/{number}" for number in range(150)])
    with pytest.raises(ConfigurationError, match="too long"):
        job.launch_command(staged(job))


def test_the_python() -> None:
    assert prepared().environment()["PYSPARK_PYTHON"] == "python3"
    assert prepared(python="/opt/python").environment()["PYSPARK_PYTHON"] == "/opt/python"
    packed = prepared(environment="hdfs:///e.tar.gz")
    assert packed.environment()["PYSPARK_PYTHON"] == "./__environment__/bin/python"
    own = prepared(properties={"spark.yarn.appMasterEnv.A": 'x "y"'}).environment()
    assert own["A"] == 'x "y"'


def test_properties_are_written_as_java_reads_them() -> None:
    values = {"spark.a:b": " x=y#z\\\n\t", "spark.ü": "😀\0"}
    assert of.properties_file(values) == (
        "spark.a\\:b=\\ x\\=y\\#z\\\\\\n\\t\nspark.\\u00fc=\\ud83d\\ude00\\u0000\n"
    )

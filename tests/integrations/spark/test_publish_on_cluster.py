"""The real Spark in a real HDFS: published once, safely, and used by a JVM in a container."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import PROJECT
from yarnhub.base.errors import AccessDeniedError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.integrations.spark import published
from yarnhub.integrations.spark.class_data import java_homes
from yarnhub.integrations.spark.driver import java
from yarnhub.integrations.spark.kernelspec import kernelspec_files
from yarnhub.kernels import kernelspec
from yarnhub.spec import ApplicationSpec, Master, Resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.timeout(600)]

PYTHON = PROJECT / "build" / "spark" / "bin" / "python"
"""`ensure_spark` in `scripts/environment.sh` makes it."""
MEBIBYTE = 1 << 20
MAX_MEMORY = 200 * MEBIBYTE


@dataclass(frozen=True)
class Result:
    """What a command has printed, and the most memory that it has used."""

    code: int
    output: str
    errors: str
    memory: int = 0


@dataclass(frozen=True)
class Publisher:
    """The commands of an administrator."""

    environment: Mapping[str, str]
    root: str

    def run(self, *words: str, user: str = "") -> Result:
        """Run `yarnhub spark`."""
        command = (*self.command(words[0]), *words[1:])
        names = {"HADOOP_USER_NAME": user} if user else {}
        # The same measure for all, as RUSAGE_CHILDREN has the largest of all children.
        measured = (
            "import os, resource, subprocess, sys\n"
            "done = subprocess.run(sys.argv[1:])\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
            "sys.exit(done.returncode)"
        )
        done = subprocess.run(
            [sys.executable, "-c", measured, *command],
            env={**self.environment, **names},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        output, _, memory = done.stdout.rstrip("\n").rpartition("\n")
        return Result(done.returncode, output, done.stderr, 1024 * int(memory))

    def command(self, action: str, root: str = "") -> tuple[str, ...]:
        """The words of a command."""
        program = (sys.executable, "-m", "yarnhub.cli.main", "spark", action)
        return (*program, "--root", root or self.root)


@pytest.fixture(scope="module")
def publisher(
    hadoop_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Publisher]:
    """A publisher with a root that is deleted after all tests."""
    assert PYTHON.exists(), "`ensure_spark` of scripts/environment.sh makes it"
    folder = tmp_path_factory.mktemp("temporary")
    root = f"/spark-{secrets.token_hex(4)}/published"
    home = java_homes([], os.environ)[0]  # noqa: TID251  # the one that this machine has
    yield Publisher({**hadoop_cluster.env, "TMPDIR": str(folder), "JAVA_HOME": str(home)}, root)
    assert [each for each in folder.iterdir() if "killed" not in each.name] == []
    asyncio.run(_delete(_settings(hadoop_cluster, folder), root.rpartition("/")[0]))


async def _delete(settings: Settings, folder: str) -> None:
    async with user_file_system(settings) as file_system:
        await file_system.delete(folder, recursive=True)


def _settings(cluster: HadoopCluster, folder: Path, **names: str) -> Settings:
    return Settings.from_environment({**cluster.env, "SKEIN_CONFIG": str(folder), **names})


@pytest.fixture(scope="module")
def spark(publisher: Publisher, hadoop_cluster: HadoopCluster) -> published.PublishedSpark:
    """The real Spark, published with class data for this machine's Java."""
    home = publisher.environment["JAVA_HOME"]
    done = publisher.run("publish", "--from", str(PYTHON), "--java-home", home)
    assert done.code == 0, done.errors
    (row,) = json.loads(publisher.run("list", "--json").output)
    build = java.java_build(Path(publisher.environment["JAVA_HOME"]))
    assert row["java_builds"] == [build]
    assert f"Published: Spark {row['version']} in {row['folder']}" in done.output
    assert re.search(r"^Uploading spark-libs\.tar \(\d+ MiB\): 50 %$", done.errors, re.MULTILINE)
    return asyncio.run(_read(_settings(hadoop_cluster, Path("/nowhere")), row["folder"]))


async def _read(settings: Settings, folder: str) -> published.PublishedSpark:
    async with user_file_system(settings) as file_system:
        found = await published.find(file_system, folder)
    assert found is not None
    assert found.spark is not None, found.problem
    return found.spark


def test_publishing_again_uploads_nothing(
    publisher: Publisher, spark: published.PublishedSpark
) -> None:
    done = publisher.run("publish", "--from", str(PYTHON))
    assert done.code == 0
    assert "nothing was uploaded" in done.output
    assert "Uploading" not in done.errors
    (row,) = json.loads(publisher.run("list", "--json").output)
    assert row["size"] == spark.size
    shown = publisher.run("list").output.splitlines()
    assert shown[1].split()[0] == spark.version
    assert spark.folder in shown[1]


def test_a_killed_publication_publishes_nothing_and_the_next_one_does(
    publisher: Publisher, spark: published.PublishedSpark
) -> None:
    other = Publisher(publisher.environment, f"{publisher.root}-killed")
    words = ("--from", str(PYTHON), "--no-class-data")
    with subprocess.Popen(
        [*other.command("publish"), *words],
        env=other.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "spark-libs.tar" in line and "25 %" in line:
                running.kill()
    assert running.returncode == -9
    (row,) = json.loads(other.run("list", "--json").output)
    assert row["problem"] == "not finished"
    assert row["folder"] in other.run("list").output
    assert other.run("sweep").output == "There was nothing to delete."  # it is too new
    for left in Path(other.environment["TMPDIR"]).iterdir():
        left.rename(left.with_name("killed"))
    done = other.run("publish", *words)
    assert done.code == 0, done.errors
    assert done.memory < MAX_MEMORY
    (row,) = json.loads(other.run("list", "--json").output)
    assert row["problem"] == ""
    assert row["content"] == spark.content


def test_a_quota_is_told_and_the_next_publication_continues(publisher: Publisher) -> None:
    other = Publisher(publisher.environment, f"{publisher.root}-quota")
    words = ("--from", str(PYTHON), "--no-class-data")

    program = shutil.which("hdfs", path=other.environment["PATH"])
    assert program is not None

    def hdfs(*command: str) -> None:
        subprocess.run([program, *command], env=dict(other.environment), check=True, timeout=300)

    hdfs("dfs", "-mkdir", "-p", other.root)
    # The jars fit, and a block of the next file does not.
    hdfs("dfsadmin", "-setSpaceQuota", "520m", other.root)
    done = other.run("publish", *words)
    assert (done.code, done.output) == (1, "")
    assert "quota" in done.errors.splitlines()[-1]
    assert "Traceback" not in done.errors
    (row,) = json.loads(other.run("list", "--json").output)
    assert row["problem"] == "not finished"
    hdfs("dfsadmin", "-clrSpaceQuota", other.root)
    done = other.run("publish", *words)
    assert done.code == 0, done.errors
    assert "spark-libs.tar" not in done.errors
    (row,) = json.loads(other.run("list", "--json").output)
    assert row["problem"] == ""


async def test_another_user_reads_and_does_not_write(
    publisher: Publisher,
    spark: published.PublishedSpark,
    hadoop_cluster: HadoopCluster,
    tmp_path: Path,
) -> None:
    settings = _settings(hadoop_cluster, tmp_path, HADOOP_USER_NAME="bob").acting_for("bob")
    assert settings.user_name == "bob"
    async with user_file_system(_settings(hadoop_cluster, tmp_path).acting_for("bob")) as bob:
        found = await published.find_version(bob, publisher.root, spark.version)
        assert found == spark
        for attempt in (
            bob.write(f"{spark.folder}/{published.MANIFEST}", b"{}"),
            bob.write(f"{publisher.root}/spark-9.0.0-0123456789ab/x", b""),
            bob.move(spark.libs.url, f"{spark.folder}/away"),
            bob.delete(spark.folder, recursive=True),
        ):
            with pytest.raises(AccessDeniedError):
                await attempt
    words = ("--from", str(PYTHON), "--no-class-data", "--root", f"{publisher.root}/bob")
    done = await asyncio.to_thread(publisher.run, "publish", *words, user="bob")
    assert done.code == 1
    assert "an HDFS administrator creates" in done.errors


async def test_a_jvm_in_a_container_starts_from_the_class_data(
    publisher: Publisher,
    spark: published.PublishedSpark,
    hadoop_cluster: HadoopCluster,
    public_folder: Path,
    tmp_path: Path,
) -> None:
    """With `-Xshare:on` a JVM does not start without it."""
    public_folder.chmod(0o777)
    config = kernelspec.read(kernelspec_files(spark))
    (build,) = spark.class_data
    class_path = java.class_path(java.LIBS, spark.jars)
    flags = [
        "-Xmx128m",
        "-Xshare:on",
        f"-XX:SharedArchiveFile={java.class_data_name(build)}",
        java.GARBAGE_COLLECTOR,
        *java.flags(spark.version),
        f"-Xlog:class+load:file={public_folder}/loaded",
    ]
    program = f"{publisher.environment['JAVA_HOME']}/bin/java"
    script = (
        f"readlink -f {java.LIBS} > {public_folder}/where\n"
        f"exec {program} {' '.join(flags)} -cp {class_path}:$HADOOP_CONF_DIR "
        f"org.apache.spark.deploy.SparkSubmit --version > {public_folder}/output 2>&1\n"
    )
    resources = Resources(memory=MiB(512), vcores=VCores(1))
    master = Master(script=script, files=config.all_files, resources=resources)
    spec = ApplicationSpec(name="class-data", user="alice", master=master)
    async with Client(_settings(hadoop_cluster, tmp_path)) as client:
        application = await client.submit(spec)
        report = await client.wait(application, deadline=300)
    output = (public_folder / "output").read_text()
    assert report.final_application_status.name == "SUCCEEDED", output
    assert f"version {spark.version}" in output
    loaded = (public_folder / "loaded").read_text().splitlines()
    shared = [line for line in loaded if "source: shared objects file" in line]
    assert any("org.apache.spark.deploy.SparkSubmit " in line for line in shared)
    assert len(shared) > 0.9 * len(loaded)
    # One copy on the node for all users.
    assert "/usercache/" not in (public_folder / "where").read_text()

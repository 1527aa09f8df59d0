"""Scripts on a real cluster: `yarnhub spark run`, with Spark's own ApplicationMaster."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from integrations.spark.publishing import LOOPBACK, PYTHON, Publisher
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.logs.selection import LogSelection
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.spec import ApplicationSpec, Master, Resources
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.timeout(600)]

SECRET = "a-secret-of-this-test"
SUM = """\
import getpass
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.range(10**6).selectExpr("sum(id)").first()[0])
print("as", getpass.getuser(), spark.sparkContext.sparkUser())
"""
FAILS = """\
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
raise LookupError(f"no table named {sys.argv[1]}")
"""
LOOKS = """\
import json, os, sys
from pyspark.sql import SparkSession
import module, package

spark = SparkSession.builder.getOrCreate()

def look(_):
    import module, package
    inside = [open("renamed.txt").read(), open("pack/inside.txt").read()]
    return [module.NAME, package.NAME, *inside, os.environ["FOR_ALL"], os.environ["OF_ARCHIVE"]]

found = {
    "driver": look(0),
    "executor": spark.sparkContext.parallelize([1], 1).map(look).first(),
    "arguments": sys.argv[1:],
    "secret": len(spark.conf.get("spark.hadoop.key.of.test")),
}
print("FOUND", json.dumps(found))
"""


@dataclass(frozen=True)
class Ran:
    """What a command has printed."""

    code: int
    output: str
    errors: str

    @property
    def application(self) -> ApplicationId:
        """The id that it has printed."""
        return ApplicationId.parse(self.output.strip())


class Alice:
    """The commands of a user, and what is in her folder.

    Args:
        cluster: The cluster, in which Spark is published.
        folder: For her credentials.
    """

    def __init__(self, cluster: HadoopCluster, folder: Path) -> None:
        self.cluster = cluster
        self.publisher = Publisher(cluster, folder)
        self.publisher.publish()
        self.env = {**cluster.env, "SKEIN_CONFIG": str(folder / "skein"), "TMPDIR": str(folder)}
        if cluster.options.kerberos:
            asyncio.run(cluster.kinit("alice", folder / "alice"))
            self.env["KRB5CCNAME"] = str(folder / "alice")
        else:
            self.env["HADOOP_USER_NAME"] = "alice"

    def command(self, *words: str) -> list[str]:
        """The words of `yarnhub spark run`."""
        settings = {
            **LOOPBACK,
            "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
            **self.publisher.java_settings,
        }
        options = ["--root", Publisher.root, "--driver-memory", "512m", "--num-executors", "1"]
        for name, value in settings.items():
            options += ["--conf", f"{name}={value}"]
        return [sys.executable, "-m", "yarnhub.cli.main", "spark", "run", *options, *words]

    def run(self, *words: str) -> Ran:
        """Run a script and wait for its end."""
        return self.call(self.command(*words))

    def spark(self, *words: str) -> Ran:
        """Run another command of `yarnhub spark`."""
        return self.call([sys.executable, "-m", "yarnhub.cli.main", "spark", *words])

    def call(self, command: list[str]) -> Ran:
        """Run a command to its end."""
        done = subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=300, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def settings(self) -> Settings:
        """Hers."""
        return Settings.from_environment(self.env)

    async def report(self, application: ApplicationId) -> ApplicationReport:
        """What YARN knows about an application."""
        async with Client(self.settings) as client:
            return await client.application_report(application)

    async def logs(self, application: ApplicationId, *names: str) -> str:
        """The logs of these names."""
        selection = LogSelection(files=frozenset(names))
        async with (
            Client(self.settings) as client,
            aclosing(client.logs(application, selection)) as chunks,
        ):
            return b"".join([chunk.data async for chunk in chunks]).decode()

    async def uploads(self) -> set[str]:
        """The applications of hers that have uploads in HDFS."""
        async with user_file_system(self.settings) as file_system:
            try:
                found = await file_system.list(f"{await file_system.home()}/.skein")
            except PathNotFoundError:
                return set()
            return {each.path.rpartition("/")[2] for each in found}

    async def applications(self) -> set[str]:
        """The ids of all applications."""
        async with Client(self.settings) as client:
            found = await client.resource_manager.get_applications(GetApplicationsRequest())
            return {str(each.application_id) for each in found}


@pytest.fixture
def alice(hadoop_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Alice:
    return user(hadoop_cluster, tmp_path, monkeypatch)


def user(cluster: HadoopCluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Alice:
    if cluster.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
    return Alice(cluster, folder)


def script(folder: Path, text: str) -> str:
    file = folder / "my script.py"
    file.write_text(text)
    return str(file)


def check_sum(alice: Alice, folder: Path) -> None:
    done = alice.run("--python", str(PYTHON), "--name", "a sum", script(folder, SUM))
    assert done.code == 0, done.errors
    report = asyncio.run(alice.report(done.application))
    assert (report.user, report.application_type, report.name) == ("alice", "SPARK", "a sum")
    assert report.yarn_application_state.name == "FINISHED"
    assert report.final_application_status.name == "SUCCEEDED"
    output = asyncio.run(alice.logs(done.application, "stdout"))
    assert "499999500000" in output.splitlines()
    if alice.cluster.options.kerberos:
        assert "as alice alice" in output
    states = re.findall(r"^(ACCEPTED|RUNNING)\b", done.errors, re.MULTILINE)
    assert states[-1] == "RUNNING"
    assert re.search(rf"^{done.application} succeeded after \d+ s\.$", done.errors, re.MULTILINE)
    assert str(done.application) not in asyncio.run(alice.uploads())


def test_a_script_computes_on_executors(alice: Alice, tmp_path: Path) -> None:
    check_sum(alice, tmp_path)


def test_with_kerberos_it_runs_as_the_user(
    kerberos_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_sum(user(kerberos_cluster, tmp_path, monkeypatch), tmp_path)


def test_a_script_that_raises_fails_with_its_traceback(alice: Alice, tmp_path: Path) -> None:
    done = alice.run("--python", str(PYTHON), script(tmp_path, FAILS), "a 'b' \"$HOME\"")
    assert done.code == 1
    report = asyncio.run(alice.report(done.application))
    assert report.final_application_status.name == "FAILED"
    assert "Traceback (most recent call last):" in done.errors
    assert "LookupError: no table named a 'b' \"$HOME\"\n" in done.errors
    assert f"{done.application} failed after" in done.errors
    assert str(done.application) not in asyncio.run(alice.uploads())


def test_what_fails_before_spark_starts_leaves_no_uploads(alice: Alice, tmp_path: Path) -> None:
    java = "spark.yarn.appMasterEnv.JAVA_HOME=/there-is-none"
    done = alice.run("--conf", java, script(tmp_path, SUM))
    assert done.code == 1
    assert "This node has no Java in JAVA_HOME (/there-is-none)" in done.errors
    assert str(done.application) not in asyncio.run(alice.uploads())


def test_files_arguments_and_an_environment(alice: Alice, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "module.py").write_text("NAME = 'module'")
    with zipfile.ZipFile(files / "package.zip", "w") as package:
        package.writestr("package/__init__.py", "NAME = 'package'")
    (files / "with a space.txt").write_text("a text")
    (files / "inside.txt").write_text("packed")
    with tarfile.open(files / "pack.tar.gz", "w:gz") as pack:
        pack.add(files / "inside.txt", "inside.txt")
    python = files / "python"
    python.write_text(f'#!/bin/sh\nexport OF_ARCHIVE=archive\nexec {PYTHON} "$@"\n')
    python.chmod(0o755)
    with tarfile.open(files / "environment.tar.gz", "w:gz") as environment:
        environment.add(python, "bin/python")
    asyncio.run(upload(alice, files / "environment.tar.gz"))
    arguments = ("--flag", "", "two words", "@file", "ü $HOME 'x' \"y\"")
    done = alice.run(
        *("--environment", "hdfs:///user/alice/environment.tar.gz"),
        *("--py-files", f"{files}/module.py,{files}/package.zip"),
        *("--files", f"{files}/with a space.txt#renamed.txt"),
        *("--archives", f"{files}/pack.tar.gz#pack"),
        *("--conf", f"spark.hadoop.key.of.test={SECRET}"),
        *("--conf", "spark.executorEnv.FOR_ALL=for all"),
        *("--conf", "spark.yarn.appMasterEnv.FOR_ALL=for all"),
        script(tmp_path, LOOKS),
        *arguments,
    )
    assert done.code == 0, done.errors
    output = asyncio.run(alice.logs(done.application, "stdout"))
    found = json.loads(output.partition("FOUND ")[2].splitlines()[0])
    there = ["module", "package", "a text", "packed", "for all", "archive"]
    assert found == {
        "driver": there,
        "executor": there,
        "arguments": list(arguments),
        "secret": len(SECRET),
    }
    names = ("launch_container.sh", "directory.info", "prelaunch.out", "stdout", "stderr")
    logs = asyncio.run(alice.logs(done.application, *names))
    assert "SPARK_YARN_STAGING_DIR" in logs
    assert SECRET not in logs
    assert str(done.application) not in asyncio.run(alice.uploads())


async def upload(alice: Alice, file: Path) -> None:
    async with user_file_system(alice.settings) as file_system:
        await file_system.upload(file, f"{await file_system.home()}/{file.name}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_client_that_is_ended_before_the_submission_leaves_nothing(
    alice: Alice, tmp_path: Path, number: signal.Signals
) -> None:
    before = asyncio.run(alice.applications()), asyncio.run(alice.uploads())
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(4 << 30)
    # As in a terminal: the tests themselves may run where the signal is ignored, as by nohup.
    as_usual = ("env", f"--default-signal={signal.Signals(number).name}")
    command = [*as_usual, *alice.command("--files", str(large), script(tmp_path, SUM))]
    with subprocess.Popen(
        command, env=alice.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Uploading large" in line:
                running.send_signal(number)
                break
        output, _ = running.communicate(timeout=60)
    assert (running.returncode, output) == (128 + number, "")
    assert (asyncio.run(alice.applications()), asyncio.run(alice.uploads())) == before
    assert list(tmp_path.glob("yarnhub-spark-*")) == []


def test_an_interrupt_kills_nothing_and_says_how_to_go_on(alice: Alice, tmp_path: Path) -> None:
    text = "import time\n" + SUM + "time.sleep(600)\n"
    command = alice.command("--python", str(PYTHON), script(tmp_path, text))
    with subprocess.Popen(
        command, env=alice.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("RUNNING"):
                running.send_signal(signal.SIGINT)
                break
        output, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    application = ApplicationId.parse(output.strip())
    assert f"yarnhub spark wait {application}" in errors
    assert asyncio.run(alice.report(application)).yarn_application_state.name == "RUNNING"
    assert f"yarnhub spark kill {application}" in errors
    assert alice.spark("kill", str(application)).code == 0
    waited = alice.spark("wait", str(application))
    assert waited.code == 1
    assert f"{application} was killed after" in waited.errors
    assert str(application) not in asyncio.run(alice.uploads())


def test_a_client_need_not_wait(alice: Alice, tmp_path: Path) -> None:
    done = alice.run("--no-wait", "--python", str(PYTHON), script(tmp_path, FAILS), "x")
    assert done.code == 0
    assert f"yarnhub spark wait {done.application}" in done.errors
    waited = alice.spark("wait", str(done.application))
    assert waited.code == 1
    assert "LookupError: no table named x\n" in waited.errors
    assert str(done.application) not in asyncio.run(alice.uploads())


def test_only_applications_of_spark_are_killed(alice: Alice, tmp_path: Path) -> None:
    async def other() -> ApplicationId:
        resources = Resources(memory=MiB(256), vcores=VCores(1))
        spec = ApplicationSpec(master=Master(script="sleep 600", resources=resources))
        async with Client(alice.settings) as client:
            return await client.submit(spec)

    async def end(application: ApplicationId) -> None:
        async with Client(alice.settings) as client:
            await client.kill(application)

    application = asyncio.run(other())
    try:
        for command in ("kill", "wait"):
            done = alice.spark(command, str(application))
            assert (done.code, done.output) == (1, "")
            assert "is not an application of Spark: its type is skein" in done.errors
        assert not asyncio.run(alice.report(application)).yarn_application_state.ended
    finally:
        asyncio.run(end(application))
    missing = alice.spark("wait", "application_1_0001")
    assert missing.code == 1
    assert "continues to run" not in missing.errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--queue", "nope"), "unknown queue: nope"),
        (("--spark", "3.1.0"), "Spark 3.1.0 is not published in"),
        (("--driver-memory", "900g"), "are more than this cluster's largest container"),
        (("--executor-memory", "900g"), "are more than this cluster's largest container"),
        (("--files", "hdfs:///nowhere/x"), "'hdfs:///nowhere/x' does not exist"),
        (("--conf", "spark.master=local"), "--conf spark.master cannot be changed"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    alice: Alice, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    before = asyncio.run(alice.uploads())
    done = alice.run(*options, script(tmp_path, SUM))
    assert (done.code, done.output) == (1, "")
    assert message in done.errors
    assert asyncio.run(alice.uploads()) == before

"""Nodes with Hadoop's native library unpack archives without a program for each file."""

from __future__ import annotations

import dataclasses
import tarfile
import zipfile
from pathlib import Path

import pytest

from cluster.site_inputs import inputs
from e2e.walk import eventually, log_in, processes
from yarnhub.base.errors import ConfigurationError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.daemon_names import DaemonNames
from yarnhub.cluster.daemons.java import JavaCommands
from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.jars import read_known_jars
from yarnhub.cluster.native import LIBRARY, NATIVE, check_library, write_library
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.site.files import log4j_properties
from yarnhub.spec import ApplicationSpec, File, Resources, Service
from yarnhub.yarn.records.applications import FinalApplicationStatus

ENTRIES = 3000
FAULTS_OF_A_PROGRAM = 100
"""Page faults that a program like chmod causes at least, until it ends."""


def jar_with(folder: Path, **libraries: bytes) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.jar", "w") as archive:
        for machine, content in libraries.items():
            archive.writestr(f"nativelib/Linux-{machine}/{LIBRARY}", content)
    return folder


@pytest.mark.parametrize(("machine", "content"), [("x86_64", b"of Intel"), ("aarch64", b"of ARM")])
def test_the_library_of_the_machine_is_readable_by_all_users(
    tmp_path: Path, machine: str, content: bytes
) -> None:
    jars = jar_with(tmp_path / "jars", amd64=b"of Intel", aarch64=b"of ARM")
    for _ in range(2):  # a cluster that is started again
        write_library(jars, tmp_path / "native", machine)
    (library,) = (tmp_path / "native").iterdir()
    assert library.name == "libhadoop.so"
    assert library.read_bytes() == content
    assert library.stat().st_mode & 0o777 == 0o755


def test_a_jar_without_it_is_named(tmp_path: Path) -> None:
    jars = jar_with(tmp_path / "jars", amd64=b"of Intel")
    with pytest.raises(ClusterError, match=r"a\.jar does not contain nativelib/Linux-aarch64"):
        write_library(jars, tmp_path / "native", "aarch64")


async def test_what_it_is_not_for_is_refused_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"for s390x, only for x86_64, aarch64"):
        check_library("3.4.2", "s390x")
    for version in ("2.10.2", "3.3.6", "3.4.3"):
        check_library(version, "x86_64")
    with pytest.raises(ConfigurationError, match=r"for Hadoop 3\.5\.0, only for versions before 3"):
        await HadoopCluster(state=tmp_path / "state", hadoop="3.5.0", native=True).start()
    assert not (tmp_path / "state").exists()


def test_its_jar_is_known_and_on_no_class_path() -> None:
    jars = read_known_jars(NATIVE)
    assert jars is not None
    (jar,) = jars
    assert jar.sha256 is not None
    for version in ("2.10.2", "3.3.6", "3.4.2", "3.5.0"):
        assert jar not in (read_known_jars(version) or ())


def test_node_managers_alone_load_it() -> None:
    options = ClusterOptions(nodes=2)
    names = DaemonNames.of(options)
    commands = JavaCommands(inputs().layout, Path("/jars"), Path("/java"), False, {}, native=True)
    flag = "-Djava.library.path=/state/native"
    daemons = (*names.node_managers, *names.resource_managers, "namenode", "datanode")
    assert [each for each in daemons if flag in commands.command(each)] == list(names.node_managers)
    without = dataclasses.replace(commands, native=False)
    assert flag not in without.command("nodemanager-1")


def test_a_library_that_cannot_be_loaded_is_in_the_log_of_the_node() -> None:
    silenced = "NativeCodeLoader=ERROR"
    native = inputs(native=True)
    assert silenced not in log4j_properties(native, "nodemanager-1")
    assert silenced in log4j_properties(native, None)
    assert silenced in log4j_properties(inputs(), "nodemanager-1")


def faults_of_children(pid: int) -> int:
    """Page faults of the ended programs that a process had started."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[8])


def archive_of_small_files(folder: Path) -> Path:
    path = folder / "many.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for number in range(ENTRIES):
            archive.addfile(tarfile.TarInfo(f"{number % 30}/{number}"))
    return path


def counting(archive: Path) -> ApplicationSpec:
    """An application that fails unless all files are unpacked."""
    service = Service(
        resources=Resources(memory=MiB(64), vcores=VCores(1)),
        files={"many": File(source=str(archive))},
        script=f'test "$(find -L many -type f | wc -l)" = {ENTRIES}',
    )
    return ApplicationSpec(name="native", services={"s": service}, max_attempts=1)


@pytest.mark.cluster
async def test_a_node_unpacks_an_archive_without_a_program_for_each_file(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    node = hadoop_cluster.pids["nodemanager-1"]
    assert node is not None
    assert f"{hadoop_cluster.state}/native/libhadoop.so" in Path(f"/proc/{node}/maps").read_text()
    spec = counting(archive_of_small_files(tmp_path))
    variables = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path)}
    before = faults_of_children(node)
    async with Client(Settings.from_environment(variables)) as client:
        report = await client.wait(await client.submit(spec), deadline=100)
    assert report.final_application_status is FinalApplicationStatus.SUCCEEDED
    # Those of the containers' programs, too, but far fewer than one program for each file has.
    assert faults_of_children(node) - before < ENTRIES * FAULTS_OF_A_PROGRAM


@pytest.mark.cluster
async def test_localizers_of_other_users_load_it_too(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    alice = await log_in(kerberos_cluster, "alice", tmp_path / "alice")
    archive = archive_of_small_files(tmp_path)
    (alice.folder / "native.yaml").write_text(
        "name: native\nservices:\n  s:\n    resources: {memory: 64 MiB, vcores: 1}\n"
        f"    files: {{many: {archive}}}\n    script: sleep 300\n"
    )
    application = alice.skein("application", "submit", "native.yaml").stdout.strip()
    library = f"{kerberos_cluster.state}/native/libhadoop.so"

    def loaded() -> bool:
        localizers = (
            number
            for number, (owner, command, _) in processes().items()
            if owner == "alice" and "ContainerLocalizer" in command
        )
        return any(library in maps(number) for number in localizers)

    try:
        eventually(loaded, "a localizer of alice has loaded the library", deadline=60)
    finally:
        alice.skein("application", "kill", application)


def maps(process: int) -> str:
    """The files that a process has mapped; empty if it has ended."""
    try:
        return Path(f"/proc/{process}/maps").read_text()
    except OSError:
        return ""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appmaster.bootstrap import AMRM, APPLICATION, CREDENTIALS, HANDED_ON, HDFS
from appmaster.core.scenario import RESOURCES
from yarn.launcher import launch
from yarnhub.appmaster.core.contexts import RUN_SCRIPT, ContextBuilder
from yarnhub.client.logs.instances import instance_by_files
from yarnhub.control.bootstrap import (
    KEY,
    SubmittedApplication,
)
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.spec import Docker, File, FileType, FileVisibility, Service
from yarnhub.spec.records import local_resources
from yarnhub.yarn.launch import escape
from yarnhub.yarn.records.launch import (
    URL,
    ContainerLaunchContext,
    LocalResource,
    LocalResourceType,
    LocalResourceVisibility,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def builder(application: SubmittedApplication = APPLICATION) -> ContextBuilder:
    return ContextBuilder(application, "node-1:4711", CREDENTIALS)


def context(service: Service, env: Mapping[str, str] | None = None) -> ContainerLaunchContext:
    return builder().build("worker", service, 3, env or {})


def test_a_whole_context() -> None:
    service = Service(
        resources=RESOURCES,
        script='echo "$HOME" `id` {{x}}',
        env={"A": "service", "B": "$x"},
        files={
            "env": File(
                source="hdfs://nn:9000/env.tar.gz",
                visibility=FileVisibility.PUBLIC,
                size=12,
                timestamp=34,
            )
        },
    )
    assert context(service, {"A": "added"}) == ContainerLaunchContext(
        local_resources={
            "env": LocalResource(
                resource=URL(scheme="hdfs", host="nn", port=9000, file="/env.tar.gz"),
                size=12,
                timestamp=34,
                type=LocalResourceType.ARCHIVE,
                visibility=LocalResourceVisibility.PUBLIC,
            )
        },
        tokens=TokenStorage({"10.0.0.1:8020": HDFS}, HANDED_ON).write(),
        environment={
            "LANG": "de_DE.UTF-8",
            "A": "added",
            "B": "\\$x",
            "SKEIN_APPMASTER_ADDRESS": "node-1:4711",
            "SKEIN_APPLICATION_ID": "application_1_0001",
            "SKEIN_CONTAINER_ID": "worker_3",
            "SKEIN_RESOURCE_VCORES": "1",
            "SKEIN_RESOURCE_MEMORY": "64",
            "YARNHUB_SCRIPT": 'echo \\"\\$HOME\\" \\`id\\` {""{x}""}',
            "HADOOP_USER_NAME": "alice",
        },
        command=(f"exec 1><LOG_DIR>/worker.log 2>&1\n{escape(RUN_SCRIPT)}",),
    )


def test_the_order_of_variables_service_then_added_then_ours() -> None:
    service = Service(
        resources=RESOURCES, script="x", env={"LANG": "C", "A": "1", "SKEIN_CONTAINER_ID": "no"}
    )
    found = context(service, {"LANG": "C.UTF-8", "SKEIN_APPLICATION_ID": "no"}).environment
    assert found["LANG"] == "C.UTF-8"
    assert found["A"] == "1"
    assert found["SKEIN_CONTAINER_ID"] == "worker_3"
    assert found["SKEIN_APPLICATION_ID"] == "application_1_0001"


def test_with_security_nobody_is_named() -> None:
    import dataclasses

    secure = dataclasses.replace(APPLICATION, simple_authentication=False)
    found = builder(secure).build("a", Service(resources=RESOURCES, script="x"), 0, {})
    assert "HADOOP_USER_NAME" not in found.environment


def test_secrets_stand_in_the_token_file_only() -> None:
    found = context(Service(resources=RESOURCES, script="x"))
    assert TokenStorage.read(found.tokens or b"").find("YARN_AM_RM_TOKEN") is None
    assert "key" not in {*found.environment.values()}


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (File(source="hdfs:///a.zip"), LocalResourceType.ARCHIVE),
        (File(source="hdfs:///a.zip", type=FileType.FILE), LocalResourceType.FILE),
        (File(source="hdfs:///a"), LocalResourceType.FILE),
        (File(source="hdfs:///a", type=FileType.ARCHIVE), LocalResourceType.ARCHIVE),
    ],
)
def test_archives_are_unpacked(file: File, kind: LocalResourceType) -> None:
    assert local_resources({"a": file})["a"].type is kind


@pytest.mark.parametrize("visibility", FileVisibility)
def test_visibility_is_yarns(visibility: FileVisibility) -> None:
    (found,) = local_resources({"a": File(source="hdfs:///a", visibility=visibility)}).values()
    assert found.visibility is LocalResourceVisibility[visibility.value]


def test_newer_tokens_go_to_containers_from_then_on() -> None:
    newer = Token(b"newer", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
    other = Token(b"other", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.2:8020")
    given = TokenStorage({each.service: each for each in (newer, other)}, {KEY: b"forged"})
    made = builder().with_tokens(given.write())
    found = TokenStorage.read(
        made.build("a", Service(resources=RESOURCES, script="x"), 0, {}).tokens or b""
    )
    assert found.tokens == {newer.service: newer, other.service: other}
    assert found.secrets == HANDED_ON
    assert made.credentials.find("YARN_AM_RM_TOKEN") == AMRM


# --- through bash, as the NodeManager has it

# The first line looks at what arrived, and ends before anything behind it is read.
PROBE = 'cat "$0" > seen; env -0 > variables; umask > mask; exit 5\n'
NASTY = st.lists(
    st.sampled_from(
        ("'", '"', "\\", "$", "`", "{{", "}}", "<LOG_DIR>", "<CPS>", "\n", "\r", "%s", "%", "é")
    )
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=2),
    max_size=8,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(rest=NASTY, value=NASTY)
@example(rest="for x in {{a,b}}; do echo ${x:-${y}}; done", value="a\nb")
@example(rest="-e %s %d \\n", value='{"a": {"b": 1}}')
def test_scripts_and_variables_arrive_as_they_are(rest: str, value: str) -> None:
    service = Service(resources=RESOURCES, script=PROBE + rest, env={"V": value})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = context(service)
        done = launch(folder, made.environment, made.command)
        assert (done.returncode, done.stdout, done.stderr) == (5, b"", b"")
        assert (folder / "seen").read_bytes().decode() == PROBE + rest
        entries = (folder / "variables").read_bytes().decode().split("\0")[:-1]
        variables = dict(entry.split("=", 1) for entry in entries)
        assert stat.S_IMODE((folder / ".skein.sh").stat().st_mode) == 0o600
    assert variables["V"] == value
    assert variables["SKEIN_CONTAINER_ID"] == "worker_3"
    assert "YARNHUB_SCRIPT" not in variables


def test_the_scripts_umask_is_the_nodes(tmp_path: Path) -> None:
    made = context(Service(resources=RESOURCES, script=PROBE))
    launch(tmp_path, made.environment, (f"umask 027\n{made.command[0]}",))
    assert (tmp_path / "mask").read_text() == "0027\n"


def test_an_empty_file_among_the_logs_has_the_containers_name(tmp_path: Path) -> None:
    # Where YARN keeps no launch_container.sh, nothing else would tell it later.
    made = context(Service(resources=RESOURCES, script="exit 0"))
    logs = {"LOG_DIRS": f"{tmp_path}/logs,/elsewhere"}
    done = launch(tmp_path, made.environment | logs, made.command)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    files = {file.name: file.stat().st_size for file in (tmp_path / "logs").iterdir()}
    assert files == {"worker.log": 0, "worker_3.container": 0}
    assert instance_by_files(files) == "worker_3"


def test_without_a_folder_for_logs_no_such_file_is_made(tmp_path: Path) -> None:
    made = context(Service(resources=RESOURCES, script="exit 0"))
    launch(tmp_path, made.environment, made.command)
    assert [file.name for file in (tmp_path / "logs").iterdir()] == ["worker.log"]
    assert not Path("/worker_3.container").exists()


def test_output_and_errors_go_to_the_services_log(tmp_path: Path) -> None:
    made = context(Service(resources=RESOURCES, script="echo out; echo err >&2; nothing-there"))
    done = launch(tmp_path, made.environment, made.command)
    assert (done.returncode, done.stdout, done.stderr) == (127, b"", b"")
    log = (tmp_path / "logs" / "worker.log").read_text()
    assert log.startswith("out\nerr\n")
    assert "nothing-there" in log


def test_the_largest_script_travels(tmp_path: Path) -> None:
    from yarnhub.yarn.launch import MAX_SCRIPT_BYTES

    script = "exit 3\n" + "#" * (MAX_SCRIPT_BYTES - 7)
    made = context(Service(resources=RESOURCES, script=script))
    assert launch(tmp_path, made.environment, made.command).returncode == 3


def test_a_service_may_run_in_an_image() -> None:
    service = Service(
        resources=RESOURCES, script="run", docker=Docker(image="python:3.12", mounts=["/a:/b:ro"])
    )
    told = {key: text for key, text in context(service).environment.items() if "RUNTIME" in key}
    assert told == {
        "YARN_CONTAINER_RUNTIME_TYPE": "docker",
        "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE": "python:3.12",
        "YARN_CONTAINER_RUNTIME_DOCKER_MOUNTS": "/a:/b:ro",
    }

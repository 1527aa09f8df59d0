from __future__ import annotations

import dataclasses
import json
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from client.submissions import SERVICE, TOKEN, spec, submission
from yarn.launcher import launch as run
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.base.units import MiB, VCores
from yarnhub.client.submit.masters import ManagedMaster, UnmanagedMaster
from yarnhub.client.submit.submission import (
    APPLICATION_TYPE,
    credentials,
    submission_context,
)
from yarnhub.control import json as control_json
from yarnhub.control.bootstrap import (
    APPLICATION,
    CERTIFICATE,
    KEY,
    MAX_HOSTS,
    PROGRAM,
    RESOURCE_MANAGERS,
    TRUST,
    SubmittedApplication,
)
from yarnhub.hadoop.trust import Trust
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.spec import ACLs, ApplicationSpec, Docker, File, FileType, Master, Resources, Service
from yarnhub.spec.records import application_acls
from yarnhub.yarn.records.applications import ApplicationSubmissionContext, ApplicationTimeoutType
from yarnhub.yarn.records.cluster import NodeReport
from yarnhub.yarn.records.ids import ApplicationId, NodeId
from yarnhub.yarn.records.launch import (
    URL,
    ApplicationAccessType,
    ContainerLaunchContext,
    LocalResource,
    LocalResourceType,
    LocalResourceVisibility,
)
from yarnhub.yarn.records.resources import Priority, Resource, ResourceInformation
from yarnhub.yarn.records.scheduler import RegisterApplicationMasterResponse

if TYPE_CHECKING:
    from pathlib import Path


def test_a_whole_submission() -> None:
    chosen = spec(
        name="app",
        queue="root.fruit",
        node_label="gpu",
        tags={"b", "a"},
        max_attempts=2,
        master=Master(
            resources=Resources(memory=MiB(512), vcores=VCores(2), gpus=1),
            env={"A": "$b"},
            files={"x": File(source="hdfs://nn/x", size=1, timestamp=2)},
            script="run",
        ),
        acls=ACLs(enable=True, view_users=["bob", "eve"], view_groups=["g"], modify_users=["*"]),
    )
    found = submission_context(submission(chosen))
    container = found.am_container_spec
    assert container is not None
    assert found == ApplicationSubmissionContext(
        application_id=ApplicationId(id=4, cluster_timestamp=1700000000000),
        application_name="app",
        queue="root.fruit",
        priority=Priority(priority=0),
        am_container_spec=ContainerLaunchContext(
            local_resources={
                "x": LocalResource(
                    resource=URL(scheme="hdfs", host="nn", file="/x"),
                    size=1,
                    timestamp=2,
                    type=LocalResourceType.FILE,
                    visibility=LocalResourceVisibility.APPLICATION,
                )
            },
            tokens=container.tokens,
            environment={"LANG": "C.UTF-8", "A": "\\$b", "HADOOP_USER_NAME": "alice"},
            command=container.command,
            application_acls={
                ApplicationAccessType.VIEW_APP: "bob,eve g",
                ApplicationAccessType.MODIFY_APP: "*",
            },
        ),
        keep_containers_across_application_attempts=True,
        max_app_attempts=2,
        resource=Resource(
            memory=512,
            virtual_cores=2,
            resource_value_map=(ResourceInformation(key="yarn.io/gpu", value=1),),
        ),
        application_type=APPLICATION_TYPE,
        application_tags=("a", "b"),
        node_label_expression="gpu",
    )
    credentials = TokenStorage.read(container.tokens or b"")
    assert credentials.tokens == {"10.0.0.1:8020": TOKEN}
    bootstrap = control_json.load(SubmittedApplication, credentials.secrets[APPLICATION])
    assert credentials.secrets == {
        PROGRAM: b"zip",
        APPLICATION: credentials.secrets[APPLICATION],
        CERTIFICATE: b"certificate",
        KEY: b"key",
        RESOURCE_MANAGERS: b"rm1:8032,rm2:8032",
    }
    assert bootstrap == SubmittedApplication(
        specification=json.dumps(chosen.to_dict()),
        application_id="application_1700000000000_0004",
        user="alice",
        schedulers=("rm1:8030", "rm2:8030"),
        web_proxies=("http://rm1:8088", "http://rm2:8088"),
        racks={"h1": "/r"},
        language="C.UTF-8",
        attempts=2,
        simple_authentication=True,
        acls={"VIEW_APP": "bob,eve g", "MODIFY_APP": "*"},
    )
    assert ApplicationSpec.from_dict(json.loads(bootstrap.specification)) == chosen


def test_whom_to_trust_travels_in_the_token_file() -> None:
    found = submission_context(submission(spec(), trust=Trust("a CA")))
    assert found.am_container_spec is not None
    secrets = TokenStorage.read(found.am_container_spec.tokens or b"").secrets
    assert control_json.load(Trust, secrets[TRUST]) == Trust("a CA")


def test_an_unmanaged_application_is_not_launched_and_outlives_who_holds_it() -> None:
    chosen = spec(
        max_attempts=3,
        master=Master(files={"x": File(source="hdfs://nn/x", size=1, timestamp=2)}),
        acls=ACLs(enable=True, view_users=["bob"]),
    )
    found = submission_context(submission(chosen, master=UnmanagedMaster()))
    assert found.unmanaged_am
    assert found.keep_containers_across_application_attempts
    assert found.max_app_attempts == 1
    container = found.am_container_spec
    assert container is not None
    # What is in this context is kept by the ResourceManager: no key of ours.
    assert TokenStorage.read(container.tokens or b"") == TokenStorage({"10.0.0.1:8020": TOKEN})
    assert container == ContainerLaunchContext(
        tokens=container.tokens, application_acls=application_acls(chosen.acls)
    )


def test_with_security_nobody_is_named() -> None:
    found = submission_context(submission(spec(), simple_authentication=False))
    assert found.am_container_spec is not None
    assert found.am_container_spec.environment == {"LANG": "C.UTF-8"}


@pytest.mark.parametrize(("count", "known"), [(MAX_HOSTS, MAX_HOSTS), (MAX_HOSTS + 1, 0)])
def test_the_racks_of_large_clusters_do_not_travel(count: int, known: int) -> None:
    nodes = tuple(
        NodeReport(node_id=NodeId(host=f"h{number}", port=1), rack_name="/r")
        for number in range(count)
    )
    found = submission_context(submission(spec(), nodes=nodes)).am_container_spec
    assert found is not None
    secret = TokenStorage.read(found.tokens or b"").secrets[APPLICATION]
    assert len(control_json.load(SubmittedApplication, secret).racks) == known


@pytest.mark.parametrize(
    ("acls", "expected"),
    [
        (ACLs(), {}),
        (ACLs(enable=False, view_users=["bob"]), {}),
        (ACLs(enable=True), {"VIEW_APP": " ", "MODIFY_APP": " "}),
        (ACLs(enable=True, view_groups=["*"]), {"VIEW_APP": "*", "MODIFY_APP": " "}),
        (ACLs(enable=True, modify_groups=["g", "h"]), {"VIEW_APP": " ", "MODIFY_APP": " g,h"}),
    ],
)
def test_acls(acls: ACLs, expected: dict[str, str]) -> None:
    found = submission_context(submission(spec(acls=acls))).am_container_spec
    assert found is not None
    assert {key.name: value for key, value in found.application_acls.items()} == expected


@pytest.mark.parametrize(
    ("acls", "expected"),
    [
        (ACLs(), {"VIEW_APP": "hub "}),
        (
            ACLs(enable=True, view_users=["bob"], view_groups=["g"]),
            {"VIEW_APP": "bob,hub g", "MODIFY_APP": " "},
        ),
        (ACLs(enable=True, view_users=["*"]), {"VIEW_APP": "*", "MODIFY_APP": " "}),
        (ACLs(view_users=["bob"]), {"VIEW_APP": "hub "}),
    ],
)
def test_who_submits_for_somebody_else_may_see_it_on_every_node(
    acls: ACLs, expected: dict[str, str]
) -> None:
    made = dataclasses.replace(submission(spec(acls=acls)), viewer="hub")
    context = submission_context(made).am_container_spec
    assert context is not None
    assert {key.name: value for key, value in context.application_acls.items()} == expected
    # Nodes go by what the first container of the application brings.
    found = credentials(made)
    application = control_json.load(SubmittedApplication, found.secrets[APPLICATION])
    builder = ContextBuilder(application, "am:1", found)
    service = Service(resources=Resources(memory=MiB(64), vcores=VCores(1)), script="x")
    of_service = builder.build("s", service, 0, {})
    assert of_service.application_acls == context.application_acls


# --- how the ApplicationMaster is started on a node


def master(tmp_path: Path, token_file: bytes, **env: str) -> tuple[int, str]:
    """Start a token file as a NodeManager would; returns the exit code and the AM's log."""
    made = submission_context(submission(spec())).am_container_spec
    assert made is not None
    path = tmp_path / "container_tokens"
    path.write_bytes(token_file)
    variables = {**made.environment, "HADOOP_TOKEN_FILE_LOCATION": str(path), **env}
    done = run(tmp_path, variables, made.command)
    assert (done.stdout, done.stderr) == (b"", b"")
    return done.returncode, (tmp_path / "logs" / "application.master.log").read_text()


def test_the_named_python_runs_the_token_file(tmp_path: Path) -> None:
    code, log = master(
        tmp_path, b"import sys; print(sys.executable); sys.exit(9)", YARNHUB_PYTHON=sys.executable
    )
    assert (code, log.strip()) == (9, sys.executable)


def test_an_interpreter_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    code, log = master(
        tmp_path, b"print('ran')", YARNHUB_PYTHON=str(old), PATH=f"{tmp_path}/bin:/usr/bin:/bin"
    )
    assert (code, log) == (0, "ran\n")


def test_a_python_among_the_files_is_the_last_resort(tmp_path: Path) -> None:
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    (tmp_path / "environment" / "bin" / "python3").symlink_to(sys.executable)
    assert master(tmp_path, b"print('ran')", PATH="/nowhere") == (0, "ran\n")


def test_the_runtime_archive_runs_the_master_where_it_is_chosen() -> None:
    archive = File(source="hdfs://nn/user/alice/python.tar.gz", type=FileType.ARCHIVE, size=7)
    chosen = spec(master=Master(env={"YARNHUB_PYTHON": "archive"}))
    for each, python in ((chosen, ""), (spec(), "archive")):
        made = submission_context(submission(each, master=ManagedMaster(b"zip", python, archive)))
        context = made.am_container_spec
        assert context is not None
        assert context.environment["YARNHUB_PYTHON"] == ".yarnhub-runtime/bin/python3"
        assert context.local_resources[".yarnhub-runtime"].size == 7


def test_the_clients_python_is_taken_where_the_specification_names_none() -> None:
    named = spec(master=Master(env={"YARNHUB_PYTHON": "/mine"}))
    for each, path in ((spec(), "/theirs"), (named, "/mine")):
        made = submission_context(
            submission(each, master=ManagedMaster(b"zip", "/theirs"))
        ).am_container_spec
        assert made is not None
        assert made.environment["YARNHUB_PYTHON"] == path


def test_a_node_without_python_says_so_in_the_masters_log(tmp_path: Path) -> None:
    code, log = master(tmp_path, b"", PATH=str(tmp_path))
    assert code == 127
    assert "no Python 3.11 or newer" in log
    assert "master.env.YARNHUB_PYTHON" in log
    assert "write 'archive' there" in log


def test_a_priority_and_a_timeout_are_yarns() -> None:
    context = submission_context(submission(spec(priority=7, timeout="1.5 h")))
    assert context.priority == Priority(priority=7)
    assert context.application_timeouts == {ApplicationTimeoutType.LIFETIME: 5400}
    plain = submission_context(submission(spec()))
    assert (plain.priority, plain.application_timeouts) == (Priority(priority=0), {})


def test_the_master_may_run_in_an_image() -> None:
    master = Master(
        docker=Docker(image="am:1"), env={"YARN_CONTAINER_RUNTIME_DOCKER_DELAYED_REMOVAL": "true"}
    )
    found = submission_context(submission(spec(master=master))).am_container_spec
    assert found is not None
    told = {key: value for key, value in found.environment.items() if "RUNTIME" in key}
    assert told == {
        "YARN_CONTAINER_RUNTIME_TYPE": "docker",
        "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE": "am:1",
        "YARN_CONTAINER_RUNTIME_DOCKER_DELAYED_REMOVAL": "true",
    }


def test_no_secret_is_shown() -> None:
    made = submission(
        ApplicationSpec(services={"a": SERVICE}), key=b"private", secrets={"a": b"private"}
    )
    shown = (
        made,
        submission_context(made),
        RegisterApplicationMasterResponse(client_to_am_token_master_key=b"private"),
    )
    assert "private" not in repr(shown)

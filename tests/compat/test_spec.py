"""Specifications: every class, every field, and that the cluster gets what they say."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import skein
from skein import model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from compat.conftest import World

RESOURCES = skein.Resources("1 GiB", 1)

DOCUMENT = """\
name: everything
queue: apples
user: nobody
node_label: cpu
tags: [one, two]
file_systems: ['hdfs://elsewhere:9000']
max_attempts: 2
acls: {enable: true, view_users: ['*'], modify_groups: [staff], ui_users: [bob]}
master:
  resources: {memory: 2 GiB, vcores: 2}
  script: echo master
  files: {m.txt: /data/m.txt}
  env: {M: '1'}
  log_level: debug
  log_config: log4j.properties
  security: {cert_file: /data/a.crt, key_file: /data/a.pem}
services:
  first:
    resources: {memory: 0.9 MiB, vcores: 1, gpus: 1, fpgas: 2}
    script: echo first
  second:
    resources: {memory: 100 MB, vcores: 3}
    script: echo second
    instances: 4
    files:
      plain: {source: hdfs:///a.zip, type: file, visibility: private, size: 3, timestamp: 5}
      unpacked: env.tar.gz
    env: {A: b}
    depends: [first]
    max_restarts: -1
    allow_failures: true
    node_label: gpu
    nodes: [worker-1]
    racks: [/rack]
    relax_locality: true
"""


@pytest.fixture
def spec(tmp_path: Path) -> skein.ApplicationSpec:
    (tmp_path / "spec.yaml").write_text(DOCUMENT)
    return skein.ApplicationSpec.from_file(str(tmp_path / "spec.yaml"))


def test_every_field_is_read(spec: skein.ApplicationSpec, tmp_path: Path) -> None:
    assert (spec.name, spec.queue, spec.user) == ("everything", "apples", "nobody")
    assert (spec.node_label, spec.tags, spec.max_attempts) == ("cpu", {"one", "two"}, 2)
    assert spec.file_systems == ["hdfs://elsewhere:9000"]
    assert spec.acls == skein.ACLs(True, ["*"], modify_groups=["staff"], ui_users=["bob"])
    master = spec.master
    assert (master.resources.memory, master.resources.vcores) == (2048, 2)
    assert (master.script, master.env, str(master.log_level)) == (
        "echo master",
        {"M": "1"},
        "DEBUG",
    )
    assert master.files == {"m.txt": skein.File("/data/m.txt")}
    assert master.log_config == skein.File(str(tmp_path / "log4j.properties"))
    assert master.security == skein.Security("/data/a.crt", "/data/a.pem")
    first, second = spec.services["first"], spec.services["second"]
    assert (first.resources.memory, first.resources.gpus, first.resources.fpgas) == (1, 1, 2)
    assert (second.resources.memory, second.instances, second.depends) == (96, 4, {"first"})
    plain = second.files["plain"]
    assert (plain.source, plain.size, plain.timestamp) == ("hdfs:///a.zip", 3, 5)
    assert (plain.type, plain.visibility) == (skein.FileType.FILE, skein.FileVisibility.PRIVATE)
    assert second.files["unpacked"].source == f"file://{tmp_path}/env.tar.gz"
    assert second.files["unpacked"].type is skein.FileType.ARCHIVE
    assert (second.env, second.max_restarts, second.allow_failures) == ({"A": "b"}, -1, True)
    assert (second.node_label, second.nodes, second.racks) == ("gpu", ["worker-1"], ["/rack"])
    assert second.relax_locality is True


def test_what_is_left_out_has_its_default() -> None:
    service = skein.Service(resources=RESOURCES, script="x")
    assert (service.instances, service.max_restarts, service.allow_failures) == (1, 0, False)
    assert (service.files, service.env, service.depends) == ({}, {}, set())
    assert (service.node_label, service.nodes, service.racks) == ("", [], [])
    assert service.relax_locality is False
    spec = skein.ApplicationSpec({"x": service})
    assert (spec.name, spec.queue, spec.user, spec.node_label) == ("skein", "default", "", "")
    assert (spec.tags, spec.file_systems, spec.max_attempts) == (set(), [], 1)
    assert (spec.acls, spec.master) == (skein.ACLs(), skein.Master())
    assert spec.master.resources == skein.Resources(512, 1)
    assert (spec.master.script, spec.master.log_level) == ("", skein.LogLevel.INFO)
    assert (spec.master.log_config, spec.master.security) == (None, None)
    assert spec.acls.enable is False
    file = skein.File("/x")
    assert (file.type, file.visibility, file.size, file.timestamp) == (
        skein.FileType.FILE,
        skein.FileVisibility.APPLICATION,
        0,
        0,
    )


def test_documents_come_back(spec: skein.ApplicationSpec, tmp_path: Path) -> None:
    for form in "dict", "json", "yaml":
        for skip in True, False:
            written = getattr(spec, f"to_{form}")(skip_nulls=skip)
            assert getattr(skein.ApplicationSpec, f"from_{form}")(written) == spec
    for name, given in ("a.json", "infer"), ("a.yml", "infer"), ("a", "json"), ("a", "yaml"):
        spec.to_file(str(tmp_path / name), format=given)
        assert skein.ApplicationSpec.from_file(str(tmp_path / name), format=given) == spec
    document = json.loads(spec.to_json())
    assert document["tags"] == ["one", "two"]
    assert document["services"]["first"]["instances"] == 1
    assert "log_config" not in skein.Master().to_dict()
    assert skein.Master().to_dict(skip_nulls=False)["log_config"] is None
    assert yaml.safe_load(spec.to_yaml()) == document
    for duplicate in copy.deepcopy(spec), pickle.loads(pickle.dumps(spec)):
        assert duplicate == spec
        assert duplicate != "something else"


def test_a_pair_comes_back_too() -> None:
    security = skein.Security.new_credentials()
    master = skein.Master(security=security)
    assert skein.Security.from_json(security.to_json()) == security
    assert skein.Master.from_yaml(master.to_yaml()) == master


MEMORY = {
    "100": 100,
    "100 MiB": 100,
    "100Mi": 100,
    "1 G": 954,
    "5kB": 1,
    "5.4 MiB": 6,
    "1e3": 1000,
    "1e6 kB": 954,
    "MiB": 1,
    "2 tib": 2 * 1024 * 1024,
}


@pytest.mark.parametrize(("text", "mebibytes"), MEMORY.items())
def test_memory_has_units(text: str, mebibytes: int) -> None:
    assert model.parse_memory(text) == mebibytes
    assert skein.Resources(memory=text, vcores=1).memory == mebibytes


def service(**fields: Any) -> skein.Service:
    return skein.Service(**{"resources": RESOURCES, "script": "x", **fields})


def application(**fields: Any) -> skein.ApplicationSpec:
    return skein.ApplicationSpec(**{"services": {"x": service()}, **fields})


WRONG_TYPES: list[Callable[[], object]] = [
    lambda: skein.Resources(vcores=1),  # type: ignore[call-arg]  # what is tested
    lambda: skein.Resources(1, "x"),  # type: ignore[arg-type]
    lambda: skein.Resources([], 1),  # type: ignore[arg-type]
    lambda: skein.File(1),  # type: ignore[arg-type]
    lambda: service(script=1),
    lambda: service(resources=None),
    lambda: service(env={"a": 1}),
    lambda: service(depends=[1]),
    lambda: service(nodes="a"),
    lambda: skein.ACLs(enable=1),  # type: ignore[arg-type]
    lambda: skein.ACLs(view_users="*"),
    lambda: skein.Master(log_config=1),  # type: ignore[arg-type]
    lambda: skein.Master(script=1),  # type: ignore[arg-type]
    lambda: skein.Security(cert_bytes=1, key_bytes=b"x"),  # type: ignore[arg-type]
    lambda: application(name=1),
    lambda: application(tags=1),
    lambda: application(tags={1}),
    lambda: application(max_attempts="2"),
    lambda: skein.Service.from_dict([]),
    lambda: skein.Service.from_dict({"script": "x"}),
    lambda: skein.ApplicationSpec.from_dict({"name": 1, "services": {}}),
]
WRONG_VALUES: list[Callable[[], object]] = [
    lambda: skein.Resources("x", 1),
    lambda: skein.Resources(-1, 1),
    lambda: skein.Resources(1, -1),
    lambda: skein.Resources(1, 1, gpus=-1),
    lambda: skein.File("/x", type="folder"),
    lambda: skein.File("/x", visibility="all"),
    lambda: skein.File("/x", size=-1),
    lambda: service(script=""),
    lambda: service(instances=-1),
    lambda: service(max_restarts=-2),
    lambda: service(resources=skein.Resources(0, 1)),
    lambda: service(files={"a/b": "/x"}),
    lambda: skein.Master(files={"a/b": "/x"}),
    lambda: skein.Master(log_level="loud"),
    lambda: skein.Security(cert_file="/x"),
    lambda: skein.Security("/x", "/y", cert_bytes=b"z"),
    lambda: application(max_attempts=0),
    lambda: application(services={}),
    lambda: skein.ApplicationSpec(master=skein.Master()),
    lambda: application(services={"a": service(depends=["b"])}),
    lambda: application(services={"a": service(depends=["b"]), "b": service(depends=["a"])}),
    lambda: skein.Resources.from_dict({"memory": 1, "vcores": 1, "cores": 1}),
    lambda: skein.ApplicationSpec.from_file("/x.toml"),
    lambda: skein.ApplicationSpec.from_file("/x.yaml", format="toml"),
]


@pytest.mark.parametrize("make", WRONG_TYPES)
def test_a_wrong_type_is_a_type_error(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize("make", WRONG_VALUES)
def test_a_wrong_value_is_a_value_error(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        make()


def test_fields_are_checked_when_they_are_assigned() -> None:
    resources = skein.Resources(1, 1)
    resources.memory = "2 GiB"  # type: ignore[assignment]  # as users do
    assert resources.memory == 2048
    with pytest.raises(ValueError):
        resources.memory = -1  # type: ignore[assignment]
    master = skein.Master(log_level="debug")
    master.log_level = "info"  # type: ignore[assignment]
    assert master.log_level is skein.LogLevel.INFO
    file = skein.File("/x.zip", type="file")
    file.type = "archive"  # type: ignore[assignment]
    assert file.type is skein.FileType.ARCHIVE
    for attribute in "type", "visibility":
        with pytest.raises(ValueError):
            setattr(file, attribute, "nosuch")


def test_representations_are_short() -> None:
    assert repr(skein.Resources("1 GiB", 2)) == "Resources<memory=1024, vcores=2>"
    assert repr(service(instances=3)) == "Service<instances=3, ...>"
    assert repr(skein.ACLs()) == "ACLs<enable=False, ...>"
    assert repr(skein.Master()) == "Master<...>"
    assert repr(skein.Security(cert_bytes=b"a", key_bytes=b"b")) == "Security<...>"
    assert repr(skein.File("/x")) == "File<source='file:///x', type=FileType.FILE>"
    assert repr(application(name="n")) == (
        "ApplicationSpec<name='n', queue='default', services=...>"
    )


@pytest.mark.parametrize(
    "kind",
    [
        *(model.ApplicationState, model.FinalStatus, model.ContainerState),
        *(model.NodeState, model.QueueState, skein.LogLevel, skein.FileType),
        skein.FileVisibility,
    ],
)
def test_states_are_names_in_any_case(kind: Any) -> None:
    assert tuple(kind) == kind.values()
    for member in kind:
        name = str(member)
        assert kind(name) is kind(name.lower()) is kind(member) is member
        assert member in (name, name.lower())
        assert member == name.title()
        assert member != "nosuch"
        assert repr(member) == f"{kind.__name__}.{name}"
        assert pickle.loads(pickle.dumps(member)) is copy.deepcopy(member) is member
    with pytest.raises(ValueError):
        kind("nosuch")
    with pytest.raises(TypeError):
        kind(1)


def test_states_of_different_things_are_different() -> None:
    assert model.ApplicationState.KILLED != model.FinalStatus.KILLED
    with pytest.raises(TypeError):
        model.ApplicationState(model.FinalStatus.KILLED)


def test_the_cluster_gets_every_field(
    client: skein.Client, world: World, tmp_path: Path, eventually: Callable[[Any], None]
) -> None:
    (tmp_path / "plain.txt").write_text("a plain file\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside.txt", "from inside of an archive\n")
    small = skein.Resources(memory=64, vcores=1)
    host, port = world.cluster.name_node_address
    spec = skein.ApplicationSpec(
        name="every field",
        queue="apples",
        tags={"one", "two"},
        file_systems=[f"hdfs://{host}:{port}"],
        max_attempts=1,
        acls=skein.ACLs(enable=True, view_users=["bob"], ui_users=["*"]),
        master=skein.Master(
            resources=skein.Resources(memory="256 MiB", vcores=1),
            script='echo "MASTER $M in $SKEIN_RESOURCE_MEMORY"; cat m.txt; sleep infinity',
            files={"m.txt": str(tmp_path / "plain.txt")},
            env={"M": "m's value"},
            log_level="debug",
            security=skein.Security.new_credentials(),
        ),
        services={
            "first": skein.Service(
                resources=small,
                script='cat ./plain unpacked/inside.txt; echo "$A|$SKEIN_CONTAINER_ID"',
                files={
                    "./plain": skein.File(str(tmp_path / "plain.txt"), visibility="private"),
                    "unpacked": str(tmp_path / "a.zip"),
                },
                env={"A": "b c"},
                nodes=["localhost"],
                racks=["/default-rack"],
                relax_locality=True,
            ),
            "second": skein.Service(
                resources=small,
                script="exit 7",
                depends=["first"],
                max_restarts=1,
                allow_failures=True,
            ),
        },
    )
    with client.submit_and_connect(spec) as app:
        try:
            eventually(lambda: len(app.get_containers(["second"], ["failed"])) == 2)
            eventually(lambda: app.get_containers(["first"], ["succeeded"]))
            effective = app.get_specification()
            report = client.application_report(app.id)
            assert app.security is spec.master.security
        finally:
            app.shutdown(diagnostics="seen enough")
    eventually(lambda: client.application_report(app.id).state == "FINISHED")
    assert (report.name, report.queue, report.tags) == ("every field", "apples", {"one", "two"})
    first = effective.services["first"]
    assert {name: file.source[:5] for name, file in first.files.items()} == {
        "plain": "hdfs:",
        "unpacked": "hdfs:",
    }
    assert f"/user/{world.user}/.skein/{app.id}/" in first.files["plain"].source
    assert first.files["plain"].size == len("a plain file\n")
    assert (first.nodes, first.relax_locality, first.env) == (["localhost"], True, {"A": "b c"})
    assert effective.services["second"].depends == {"first"}
    assert effective.acls == spec.acls
    logs = client.application_logs(app.id).dumps()
    assert "MASTER m's value in 256\na plain file\n" in logs
    assert "a plain file\nfrom inside of an archive\nb c|first_0\n" in logs
    assert client.application_report(app.id).diagnostics == "seen enough"

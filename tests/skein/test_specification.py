"""The specification classes as programs written for skein use them."""

from __future__ import annotations

import copy
import pickle
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

import skein
from skein import model
from spec.strategies import applications
from yarnhub import spec as engine
from yarnhub.base.errors import SpecError
from yarnhub.base.units import Seconds
from yarnhub.spec.sources import map_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def service(**changes: object) -> skein.Service:
    fields: dict[str, object] = {"resources": skein.Resources("1 GiB", 1), "script": "run"}
    return skein.Service(**{**fields, **changes})  # type: ignore[arg-type]  # the test's own


def application(**changes: object) -> skein.ApplicationSpec:
    return skein.ApplicationSpec(services={"x": service(**changes)}, tags=["b", "a"])


def test_constructors_take_what_skeins_take() -> None:
    assert skein.File("env.tar.gz").type is skein.FileType.ARCHIVE
    assert skein.File("env", "archive").type is skein.FileType.ARCHIVE
    assert skein.Resources("1 GiB", 1) == skein.Resources(memory=1024, vcores=1)
    found = service(files={"./a": "a.zip", "b": skein.File("b")}, depends=None, nodes=None)
    assert found.files == {"a": skein.File("a.zip"), "b": skein.File("b")}
    assert (found.depends, found.nodes) == (set(), [])
    assert skein.Master(script="x", log_level="debug").log_level is skein.LogLevel.DEBUG
    assert skein.ACLs(True, ["alice"]).view_users == ["alice"]
    with pytest.raises(TypeError, match="script"):
        skein.Service(resources=skein.Resources(1, 1))  # type: ignore[call-arg]  # that is tested


def test_what_is_assigned_is_checked_at_once() -> None:
    spec = application()
    spec.services["x"].instances = 2
    spec.services["x"].resources = {"memory": "2 GiB", "vcores": 2}  # type: ignore[assignment]  # as users do
    assert spec.services["x"].resources.memory == 2048
    spec.master.log_config = None
    with pytest.raises(SpecError, match=r"^instances: must be at least 0, not -1$"):
        spec.services["x"].instances = -1
    with pytest.raises(SpecError, match=r"^script: must be text, not null$"):
        spec.services["x"].script = None  # type: ignore[assignment]  # what is tested
    with pytest.raises(AttributeError, match="a Service has no field 'instnces'"):
        spec.services["x"].instnces = 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(spec)


def test_what_is_changed_inside_is_checked_at_submission() -> None:
    spec = application()
    spec.tags.add("c")
    spec.file_systems.append("hdfs://other")
    spec.services["x"].env["A"] = "b"
    spec.services["y"] = service(depends={"x"})
    taken = spec.checked()
    assert type(taken) is engine.ApplicationSpec
    assert type(taken.services["y"].resources) is engine.Resources
    assert taken.to_dict() == spec.to_dict()
    spec.services["x"].env["A"] = 1  # type: ignore[assignment]  # what is tested
    with pytest.raises(SpecError, match=r"^services\.x\.env\.A: must be text, not 1"):
        spec.checked()
    del spec.services["x"]
    with pytest.raises(SpecError, match=r"^services\.y\.depends: unknown service 'x'"):
        spec.checked()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_are_equal_and_their_own(
    duplicate: Callable[[skein.ApplicationSpec], skein.ApplicationSpec],
) -> None:
    spec = application()
    other = duplicate(spec)
    assert other == spec
    other.services["x"].instances = 5
    assert spec.services["x"].instances == 1


# How fast specifications are drawn and read depends on what else the machine does.
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(applications())
def test_the_engines_documents_are_skeins(spec: engine.ApplicationSpec) -> None:
    read = skein.ApplicationSpec.from_dict(spec.to_dict(secrets=True))
    located = map_files(spec, lambda _, one: replace(one, source=skein.File(one.source).source))
    assert read.checked() == located
    assert skein.ApplicationSpec.read(spec) == read
    for nulls in True, False:
        assert skein.ApplicationSpec.from_dict(read.to_dict(skip_nulls=nulls)) == read
        assert skein.ApplicationSpec.from_yaml(read.to_yaml(skip_nulls=nulls)) == read
        assert skein.ApplicationSpec.from_json(read.to_json(skip_nulls=nulls)) == read


@pytest.mark.parametrize(
    "part",
    [
        skein.Resources(1, 2, gpus=1),
        skein.File("hdfs://a/b", "ARCHIVE"),
        skein.ACLs(enable=True, ui_users=["*"]),
        skein.Master(script="run"),
        service(env={"A": "b"}),
        skein.Security(cert_bytes=b"CERT", key_file="hdfs://a/key"),
        application(),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_class_is_written_and_read(part: skein.Service, tmp_path: Path) -> None:
    kind = type(part)
    assert kind.from_json(part.to_json()) == part
    assert kind.from_yaml(part.to_yaml().encode()) == part
    for name, form in ("a.yaml", "infer"), ("a.YML", "infer"), ("a.json", "infer"), ("a", "json"):
        part.to_file(tmp_path / name, form)
        assert kind.from_file(str(tmp_path / name), format=form) == part


def test_sources_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "services: {x: {resources: {memory: 1, vcores: 1}, script: x, files: {env: ../env.zip}}}\n"
        "master: {security: {cert_file: a.crt, key_file: 'hdfs:///a.pem'}, log_config: ./log}"
    )
    spec = skein.ApplicationSpec.from_file(tmp_path / "a.yaml")
    assert type(spec.services["x"].files["env"]) is skein.File
    assert spec.services["x"].files["env"].source == f"file://{tmp_path.parent}/env.zip"
    security = spec.master.security
    assert security is not None
    assert security.cert_file == skein.File(f"file://{tmp_path}/a.crt")
    assert security.key_file == skein.File("hdfs:///a.pem")
    assert spec.master.log_config == skein.File(str(tmp_path / "log"))


def test_other_sources_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = skein.File("a/../b.zip")
    assert (file.source, str(file.type)) == (f"file://{tmp_path}/b.zip", "ARCHIVE")
    file.source = "c"
    assert (file.source, str(file.type)) == (f"file://{tmp_path}/c", "FILE")
    file.type = "archive"  # type: ignore[assignment]  # as users do
    file.source = "d"
    assert file.type is skein.FileType.ARCHIVE


def test_a_key_is_shown_in_no_representation_and_written_for_the_user_alone(
    tmp_path: Path,
) -> None:
    security = skein.Security(cert_bytes=b"CERT", key_bytes=b"SECRET")
    spec = skein.ApplicationSpec(master=skein.Master(script="run", security=security))
    assert "SECRET" not in f"{spec!r}{spec.master!r}{security!r}{spec.to_yaml(secrets=False)}"
    path = tmp_path / "a.yaml"
    path.touch(mode=0o666)
    spec.to_file(path)
    assert skein.ApplicationSpec.from_file(path) == spec
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    spec.master.security = None
    path.chmod(0o640)
    spec.to_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("a.txt", "infer", "unknown suffix '.txt'"),
        ("a.json", "toml", "unknown format 'toml'"),
    ],
)
def test_other_formats_are_refused(name: str, form: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=said):
        skein.ApplicationSpec.from_file(tmp_path / name, form)
    with pytest.raises(ValueError, match=said):
        application().to_file(tmp_path / name, form)


@pytest.mark.parametrize("text", ["source: [", "- source: x", "source: a\nsource: b", "size: 1"])
def test_a_wrong_document_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        skein.File.from_yaml(text)


def test_they_are_found_where_skein_has_them() -> None:
    for name in ("ACLs", "ApplicationSpec", "File", "Master", "Resources", "Security", "Service"):
        assert getattr(model, name) is getattr(skein, name)


def test_what_skein_did_not_have_is_given_by_name() -> None:
    spec = skein.ApplicationSpec(
        services={
            "x": service(
                docker={"image": "python:3.12"},
                restart_delay="1 s",
                grace_period=30,
                ready={"port": 8888},
            )
        },
        master=skein.Master(docker={"image": "python:3.12"}),
        priority=5,
        timeout="2h",
    )
    assert spec.priority == 5
    assert spec.timeout == Seconds(7200)
    x = spec.services["x"]
    assert x.docker == engine.Docker(image="python:3.12")
    assert [x.restart_delay, x.max_restart_delay, x.grace_period] == [*map(Seconds, (1, 300, 30))]
    assert x.ready == engine.Readiness(port=8888)
    assert skein.ApplicationSpec.from_yaml(spec.to_yaml()) == spec
    x.ready = {"key": "up"}  # type: ignore[assignment]  # as users do
    assert x.ready == engine.Readiness(key="up")

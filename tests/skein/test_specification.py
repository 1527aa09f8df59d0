"""The specification classes as programs written for skein use them."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

import skein
from skein import core, model
from spec.strategies import applications
from yarnhub import spec as engine
from yarnhub.base.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def service(**changes: object) -> skein.Service:
    fields: dict[str, object] = {"resources": skein.Resources("1 GiB", 1), "script": "run"}
    return skein.Service(**{**fields, **changes})  # type: ignore[arg-type]  # the test's own


def application(**changes: object) -> skein.ApplicationSpec:
    return skein.ApplicationSpec(services={"x": service(**changes)}, tags=["b", "a"])


def test_constructors_take_what_skeins_take() -> None:
    assert skein.File("env.tar.gz").type is skein.FileType.infer
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
    taken = core._specification(spec)
    assert type(taken) is engine.ApplicationSpec
    assert type(taken.services["y"].resources) is engine.Resources
    assert taken.to_dict() == spec.to_dict()
    spec.services["x"].env["A"] = 1  # type: ignore[assignment]  # what is tested
    with pytest.raises(SpecError, match=r"^services\.x\.env\.A: must be text, not 1"):
        core._specification(spec)
    del spec.services["x"]
    with pytest.raises(SpecError, match=r"^services\.y\.depends: unknown service 'x'"):
        core._specification(spec)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_are_equal_and_their_own(
    duplicate: Callable[[skein.ApplicationSpec], skein.ApplicationSpec],
) -> None:
    spec = application()
    other = duplicate(spec)
    assert other == spec
    other.services["x"].instances = 5
    assert spec.services["x"].instances == 1


@given(applications())
def test_the_engines_documents_are_skeins(spec: engine.ApplicationSpec) -> None:
    document = spec.to_dict(secrets=True)
    read = skein.ApplicationSpec.from_dict(document)
    assert read.to_dict(secrets=True) == document
    assert skein.ApplicationSpec.read(spec) == read
    assert skein.ApplicationSpec.from_yaml(read.to_yaml(secrets=True)) == read
    assert skein.ApplicationSpec.from_json(read.to_json(secrets=True)) == read


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
    (tmp_path / "env.zip").touch()
    (tmp_path / "a.yaml").write_text(application(files={"env": "env.zip"}).to_yaml())
    spec = skein.ApplicationSpec.from_file(tmp_path / "a.yaml")
    assert type(spec.services["x"].files["env"]) is skein.File
    assert spec.services["x"].files["env"].source == f"file://{tmp_path}/env.zip"
    (tmp_path / "file.json").write_text('{"source": "nosuch"}')
    with pytest.raises(SpecError, match=r"^source: file '.*/nosuch' does not exist"):
        skein.File.from_file(tmp_path / "file.json")


def test_no_key_is_written_that_was_not_asked_for(tmp_path: Path) -> None:
    security = skein.Security(cert_bytes=b"CERT", key_bytes=b"SECRET")
    spec = skein.ApplicationSpec(master=skein.Master(script="run", security=security))
    spec.to_file(tmp_path / "a.yaml")
    assert "SECRET" not in (tmp_path / "a.yaml").read_text() + spec.to_json() + repr(spec)
    assert "SECRET" in spec.to_yaml(secrets=True)


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("a.txt", "infer", "suffix '.txt' names no format"),
        ("a.json", "toml", "'toml' is no format"),
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

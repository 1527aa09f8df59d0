"""Specifications in files: formats, mistakes in them, and where local files are looked for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from spec.strategies import application_document, service_document
from yarnhub.base.errors import SpecError
from yarnhub.client.submit.spec_file import (
    parse_document,
    read_spec_file,
    resolve_sources,
)
from yarnhub.spec import ApplicationSpec, File, Master, Security
from yarnhub.spec.sources import local_path, map_files

if TYPE_CHECKING:
    from pathlib import Path

JUPYTER = """\
# stored in jupyter-demo.yaml
name: jupyter-demo

services:
  jupyter:
    resources:
      memory: 1024
      vcores: 1
    files:
      environment: environment.tar.gz
    commands:
      - source environment/bin/activate
      - python -m skein.recipes.jupyter_notebook
"""


def refused(folder: Path, text: str | bytes, name: str = "x.yaml") -> SpecError:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SpecError) as caught:
        read_spec_file(path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_jupyter_example_is_read(tmp_path: Path) -> None:
    (tmp_path / "jupyter-demo.yaml").write_text(JUPYTER)
    (tmp_path / "environment.tar.gz").touch()
    spec = read_spec_file(str(tmp_path / "jupyter-demo.yaml"))
    jupyter = spec.services["jupyter"]
    assert spec.name == "jupyter-demo"
    assert (jupyter.resources.memory, jupyter.resources.vcores) == (1024, 1)
    assert jupyter.files["environment"].source == f"file://{tmp_path}/environment.tar.gz"
    assert jupyter.script == (
        "set -e\nsource environment/bin/activate\npython -m skein.recipes.jupyter_notebook\n"
    )


@pytest.mark.parametrize("name", ["x.yaml", "x.yml", "x.json", "x.YAML"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, encoding: str) -> None:
    document = application_document(name="ü")
    (tmp_path / name).write_text(json.dumps(document, ensure_ascii=False), encoding)
    assert read_spec_file(tmp_path / name) == ApplicationSpec.from_dict(document)


@pytest.mark.parametrize("name", ["x.toml", "x"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, "{}", name)
    assert error.path == ""
    assert "use .yaml, .yml or .json" in error.reason


def test_a_missing_specification_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_spec_file(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.yaml", "a: b: c\n", "line 1, column 5: mapping values are not allowed"),
        ("x.yaml", "a: 1\n b: 2\n", "line 2, column 3: mapping values are not allowed"),
        ("x.yaml", "a: [1\nb: 2\n", "line 2, column 2: "),
        ("x.yaml", "a: *b\n", "line 1, column 4: found undefined alias"),
        ("x.yaml", "a: {{ b }}\n", "line 1, column 5: found unhashable key"),
        ("x.yaml", "a: !!python/name:os.system\n", "line 1, column 4: could not determine a con"),
        ("x.yaml", "a: 1\n---\nb: 2\n", "line 2, column 1: but found another document"),
        (
            "x.yaml",
            "a: \x01\n",
            "unacceptable character #x0001: ",
        ),
        ("x.yaml", "a: 2024-13-45\n", "month must be in 1..12"),
        ("x.yaml", b"a: \xff\n", "is not UTF-8: invalid start byte at byte 3"),
        ("x.yaml", "a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given twice, first on line 1"),
        ("x.yaml", "{a: 1, a: 2}\n", "line 1: the key 'a' is given twice, first on line 1"),
        ("x.yaml", "a:\n- b:\n    c: 1\n    c: 2\n", "line 4: the key 'c' is given twice, first"),
        ("x.json", '{"a": 1,\n "b" 2}', "line 2, column 6: Expecting ':' delimiter"),
        ("x.json", '{"a": {"b": 1, "b": 2}}', "the key 'b' is given twice"),
        ("x.json", "", "line 1, column 1: Expecting value"),
        ("x.yaml", "", "must be a mapping, not null"),
        ("x.yaml", "a string", "must be a mapping, not 'a string'"),
    ],
)
def test_a_file_that_is_no_document_is_refused_in_one_line(
    tmp_path: Path, name: str, text: str | bytes, reason: str
) -> None:
    error = refused(tmp_path, text, name)
    assert error.path == ""
    assert error.reason.startswith(reason)


def test_merge_keys_may_be_overridden(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "services:\n"
        "  a: &a\n"
        "    resources: {memory: 1, vcores: 1}\n"
        "    script: one\n"
        "  b: &b\n"
        "    <<: *a\n"
        "    script: two\n"
        "  c:\n"
        "    <<: *b\n"
        "    script: three\n"
    )
    services = read_spec_file(path).services
    assert [service.script for service in services.values()] == ["one", "two", "three"]


def test_a_document_that_holds_itself_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, "services: &s\n  a: *s\n")
    assert error.reason == "line 2, column 6: 's' contains itself"


def test_a_wrong_value_is_refused_with_its_path(tmp_path: Path) -> None:
    text = JUPYTER.replace("memory: 1024", "memory: 1 X")
    error = refused(tmp_path, text)
    assert error.path == "services.jupyter.resources.memory"


def test_a_missing_local_file_is_reported(tmp_path: Path) -> None:
    error = refused(tmp_path, JUPYTER)
    assert error.path == "services.jupyter.files.environment.source"
    assert error.reason == f"file '{tmp_path}/environment.tar.gz' does not exist"


def test_every_file_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    files = {"a": "there", "b": str(tmp_path / "there"), "c": "hdfs:///x", "d": "./there"}
    spec = ApplicationSpec.from_dict(
        {
            "services": {"s": service_document(files=files)},
            "master": {
                "files": {"m": f"file://{tmp_path}/there"},
                "log_config": "there",
                "security": {"cert_file": "there", "key_file": "there"},
            },
        }
    )
    resolved = resolve_sources(spec, tmp_path)
    seen: dict[str, str] = {}

    def note(key: str, file: File) -> File:
        seen[key] = file.source
        return file

    assert map_files(resolved, note) == resolved
    there = f"file://{tmp_path}/there"
    assert seen == {
        "services.s.files.a": there,
        "services.s.files.b": there,
        "services.s.files.c": "hdfs:///x",
        "services.s.files.d": there,
        "master.files.m": there,
        "master.log_config": there,
        "master.security.cert_file": there,
        "master.security.key_file": there,
    }
    assert resolve_sources(resolved, tmp_path / "elsewhere") == resolved


def test_a_part_can_be_mapped_alone() -> None:
    master = Master(security=Security(cert_file=File(source="a"), key_bytes=b"k"))
    mapped = map_files(master, lambda key, file: File(source=f"{key}={file.source}"), "master")
    assert mapped.security is not None
    assert mapped.security.cert_file == File(source="master.security.cert_file=a")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("a", "/spec/a"),
        ("../a", "/spec/../a"),
        ("/a b#c%20", "/a b#c%20"),
        ("a:b", "/spec/a:b"),
        ("file:/a", "/a"),
        ("file:///a", "/a"),
        ("FILE:///a#b", "/a#b"),
        ("file://localhost/a", "/a"),
        ("hdfs:/a", None),
        ("hdfs:///a", None),
        ("s3a://bucket", None),
        ("abfs://container@account/a#b", None),
    ],
)
def test_local_paths(tmp_path: Path, source: str, path: str | None) -> None:
    found = local_path(File(source=source), type(tmp_path)("/spec"))
    assert (None if found is None else str(found)) == path


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{number}: &a{number} [*a{number - 1}, *a{number - 1}]\n" for number in range(1, 40)
)


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("yaml", b"[" * 200_000, "line 1, column 51: more than 50 levels of lists or mappings"),
        ("yaml", b"{a: " * 200_000, "more than 50 levels of lists or mappings"),
        ("yaml", b"- " * 200_000, "more than 50 levels of lists or mappings"),
        ("yaml", b"? " * 200_000, "more than 50 levels of lists or mappings"),
        ("yaml", LAUGHS.encode(), "more than 200000 values, including repeated aliases"),
        ("yaml", b"a: &a {b: *a}", "line 1, column 11: 'a' contains itself"),
        ("yaml", b"- x\n" * 200_001, "more than 200000 values"),
        ("yaml", b"name: 1" + b":59" * 300_000, "column 7: a number of more than 4300 digits"),
        ("yaml", b"name: !!int '1" + b":59" * 300_000 + b"'", "more than 4300 digits"),
        ("yaml", b"name: !!float '1" + b":59" * 300_000 + b".5'", "more than 4300 digits"),
        ("yaml", b'a: !!int ""', "does not fit the type that its tag names"),
        ("yaml", b"a: !!bool x", "does not fit the type that its tag names"),
        ("yaml", b"a: !!timestamp x", "does not fit the type that its tag names"),
        ("yaml", b"a: 2026-13-45", "month must be in 1..12"),
        ("yaml", "a: b".encode("utf-16"), "is not UTF-8: invalid start byte at byte 0"),
        ("yaml", "a: b".encode("utf-32-be"), "control characters are not allowed"),
        ("yaml", b"a: caf\xe9", "is not UTF-8: unexpected end of data at byte 6"),
        ("yaml", b"x" * (9 << 20), "has more than 8388608 bytes"),
        ("json", b"[" * 200_000, "is nested too deep"),
        ("json", b'{"a":' * 200_000, "is nested too deep"),
        ("json", b"9" * 10_000, "Exceeds the limit"),
        ("json", b'{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ("json", '{"a": "b"}'.encode("utf-16"), "is not UTF-8"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_documents_without_measure_are_refused_in_words(
    form: str, content: bytes, said: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(said)) as refused:
        parse_document(content, form)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('{"name": "\\ud800"}', "name: is not Unicode at character 0"),
        (f'{{"{"x" * 100_000}": 1}}', "unknown key 'xxx"),
        (
            f'{{"max_attempts": {"9" * 4000}, "master": {{"script": "x"}}}}',
            "at most 2147483647, not int",
        ),
    ],
)
def test_values_without_measure_are_refused_in_words(document: str, said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)) as refused:
        ApplicationSpec.from_json(document)
    assert len(str(refused.value)) < 600


def test_a_device_is_no_specification(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="more than 8388608 bytes"):
        read_spec_file(tmp_path / "app.yaml")

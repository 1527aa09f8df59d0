"""Files with specifications, ours and those of other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.environments.conda_lock import read_conda_lock
from yarnhub.environments.specification_file import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.environments.specification import EnvironmentSpec

CONDA_LOCK = (
    f"file:///c/noarch/a-1.0-0.conda#{'b' * 64}\n"
    f"file:///c/linux-64/python-3.12.1-h1_0_cpython.conda#sha256:{'a' * 64}\n"
)
PIXI_LOCK = f"""
version: 6
environments:
  default:
    channels: [{{url: file:///c}}]
    packages:
      linux-64:
        - conda: /c/linux-64/python-3.12.1-h1_0_cpython.conda
        - conda: https://c.example.com/noarch/a-1.0-0.tar.bz2
        - pypi: https://files.example.com/six-1.17.0-py2.py3-none-any.whl
      osx-64:
        - conda: /c/osx-64/python-3.12.1-0.conda
packages:
  - conda: /c/linux-64/python-3.12.1-h1_0_cpython.conda
    sha256: {"a" * 64}
    depends: [a]
  - conda: https://c.example.com/noarch/a-1.0-0.tar.bz2
    sha256: {"b" * 64}
  - pypi: https://files.example.com/six-1.17.0-py2.py3-none-any.whl
    name: six
    version: 1.17.0
    sha256: {"c" * 64}
"""
LOCK = f"six==1.17.0 --hash=sha256:{'a' * 64}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "My Project"
    found.mkdir()
    return found


def read(path: Path, text: str) -> EnvironmentSpec:
    path.write_text(text)
    found = read_file(path).specification
    assert found is not None
    return found


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_our_own(folder: Path, suffix: str) -> None:
    document = json.dumps({"name": "x", "pip": ["six"], "python": "3.12"})
    found = read(folder / f"spec{suffix}", document)
    assert (found.name, found.pip, found.python) == ("x", ("six",), "3.12")


def test_requirements(folder: Path) -> None:
    found = read(folder / "requirements.txt", "six\nattrs>=20\n")
    assert (found.name, found.pip) == ("my-project", ("six", "attrs>=20"))


def test_requirements_with_hashes_are_a_lock(folder: Path) -> None:
    found = read(folder / "requirements.txt", LOCK)
    assert found.pip == ()
    assert [each.version for each in found.locked] == ["1.17.0"]


def test_a_lock_next_to_the_specification(folder: Path) -> None:
    (folder / "locks").mkdir()
    (folder / "locks" / "x.txt").write_text(LOCK)
    found = read(folder / "spec.yaml", "name: x\nlock_file: locks/x.txt\n")
    assert [each.name for each in found.locked] == ["six"]


def test_a_lock_of_conda_next_to_the_specification(folder: Path) -> None:
    (folder / "conda.txt").write_text(f"@EXPLICIT\n{CONDA_LOCK}")
    found = read(folder / "spec.yaml", "name: x\nconda: {lock_file: conda.txt}\n")
    assert [each.name for each in read_conda_lock(found.conda.lock)] == ["a", "python"]
    (folder / "conda.txt").write_text(f"{CONDA_LOCK}numpy=2\n")
    with pytest.raises(SpecError, match="the http, https or file URL of a conda") as caught:
        read(folder / "spec.yaml", "name: x\nconda: {lock_file: conda.txt}\n")
    assert caught.value.path == "spec.yaml.conda.lock_file.line 3"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../lock.txt", "in the folder of the specification"),
        ("/etc/passwd", "in the folder of the specification"),
        ("link", "in the folder of the specification"),
        ("missing.txt", "cannot be read"),
        ("pipe", "is not a regular file but a folder"),
    ],
)
def test_a_lock_elsewhere_is_refused(folder: Path, name: str, reason: str) -> None:
    (folder.parent / "lock.txt").write_text(LOCK)
    (folder / "link").symlink_to(folder.parent / "lock.txt")
    (folder / "pipe").mkdir()
    with pytest.raises(SpecError, match=reason) as caught:
        read(folder / "spec.yaml", f"name: x\nlock_file: {name}\n")
    assert caught.value.path == "spec.yaml.lock_file"


def test_a_conda_environment_with_packages_of_pip_only(folder: Path) -> None:
    found = read(
        folder / "environment.yml",
        "name: Science\nchannels: [conda-forge]\n"
        "dependencies:\n  - python=3.12\n  - pip\n  - pip:\n    - six\n    - attrs\n",
    )
    assert (found.name, found.python, found.pip) == ("science", "3.12", ("six", "attrs"))
    assert found.conda.packages == ()


@pytest.mark.parametrize("python", ["python", "python =3.12", "python==3.12.*", "python 3.12"])
def test_how_conda_writes_the_version_of_python(folder: Path, python: str) -> None:
    text = f"dependencies: ['{python}', {{pip: [six]}}]\n"
    found = read(folder / "environment.yml", text)
    assert found.python == ("" if python == "python" else "3.12")


def test_a_conda_environment(folder: Path) -> None:
    found = read(
        folder / "conda.yaml", "channels: [c]\ndependencies: [python=3.12, numpy>=2, {pip: [six]}]"
    )
    assert (found.conda.channels, found.conda.packages) == (("c",), ("python=3.12", "numpy>=2"))
    assert (found.python, found.pip) == ("", ("six",))
    found = read(folder / "conda.yaml", "channels: [c, nodefaults]\ndependencies: ['c::six']\n")
    assert (found.conda.channels, found.conda.packages) == (("c",), ("c::six",))


def test_a_lock_of_pixi(folder: Path) -> None:
    found = read(folder / "pixi.lock", PIXI_LOCK)
    assert (found.name, [str(each) for each in read_conda_lock(found.conda.lock)]) == (
        "my-project",
        [
            f"https://c.example.com/noarch/a-1.0-0.tar.bz2#sha256:{'b' * 64}",
            f"file:///c/linux-64/python-3.12.1-h1_0_cpython.conda#sha256:{'a' * 64}",
        ],
    )
    assert [(each.name, each.hashes) for each in found.locked] == [("six", (f"sha256:{'c' * 64}",))]


def test_the_only_environment_of_a_lock_of_pixi(folder: Path) -> None:
    assert read(folder / "pixi.lock", PIXI_LOCK.replace("default:", "other:")).lock


@pytest.mark.parametrize(
    ("old", "new", "path", "reason"),
    [
        ("version: 6", "version: 5", "version", "only the versions 6 and 7"),
        ("linux-64:", "win-64:", "environments.default.packages", "no packages for linux-64"),
        ("default:", "a: {packages: {}}\n  b:", "environments", "has no environment `default`"),
        ("- pypi:", "- other:", "packages", "neither of a channel nor of an index"),
        (f"sha256: {'a' * 64}", "md5: x", "packages", "has no SHA-256"),
        (f"sha256: {'c' * 64}", "editable: true", "packages", "only packages of indexes"),
        ("name: six", "name: [six]", "packages", "must be text"),
    ],
)
def test_locks_of_pixi_that_are_not_supported(
    folder: Path, old: str, new: str, path: str, reason: str
) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        read(folder / "pixi.lock", PIXI_LOCK.replace(old, new))
    assert caught.value.path == f"pixi.lock.{path}"


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("dependencies: [{npm: [x]}]", "dependencies[0]", "only a list of packages for `pip`"),
        ("dependencies: [{pip: ['-e .']}]", "dependencies[0].pip[0]", "is an option"),
        ("dependencies: six", "dependencies", "must be a list"),
        ("dependencies: [six]\nvariables: {A: b}", "variables", "is not supported"),
        ("dependencies: [six]\nchanels: []", "", "did you mean 'channels'"),
    ],
)
def test_what_means_something_else_is_refused(
    folder: Path, text: str, path: str, reason: str
) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        read(folder / "environment.yml", text)
    assert caught.value.path == ".".join(filter(None, ["environment.yml", path]))


def test_a_project(folder: Path) -> None:
    found = read(
        folder / "pyproject.toml",
        '[project]\nname = "Tool"\nrequires-python = ">=3.11"\ndependencies = ["six"]\n',
    )
    assert (found.name, found.python, found.pip) == ("tool", ">=3.11", ("six",))


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("[tool.x]", "project", "is required"),
        ('[project]\ndynamic = ["dependencies"]', "project.dynamic", "not supported"),
        ('[project]\ndependencies = ["x @ file:///x"]', "project.dependencies[0]", "a path or"),
        ("[project", "", "is not TOML"),
    ],
)
def test_a_project_without_dependencies_of_an_index(
    folder: Path, text: str, path: str, reason: str
) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        read(folder / "pyproject.toml", text)
    assert caught.value.path == ".".join(filter(None, ["pyproject.toml", path]))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("uv.lock", "name the pyproject.toml next to it"),
        ("Pipfile", "is of an unknown kind: use a specification"),
    ],
)
def test_files_that_are_not_supported(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        read(folder / name, "")


def test_a_file_that_does_not_exist(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.yaml cannot be read: No such file"):
        read_file(folder / "x.yaml")

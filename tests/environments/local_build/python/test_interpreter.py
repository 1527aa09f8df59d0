"""Copies of Pythons, and Pythons of a site's list."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments.archives import run
from interpreters import PYTHONS
from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.copied_python import INTERPRETERS
from yarnhub.environments.local_build.process import Runner
from yarnhub.environments.local_build.programs import find_programs
from yarnhub.environments.local_build.python import installed, interpreter
from yarnhub.environments.local_build.python.source import find_python, matches
from yarnhub.environments.local_build.site import BuildSite
from yarnhub.environments.progress import Step
from yarnhub.environments.threads import Stop, Stopped

if TYPE_CHECKING:
    from yarnhub.environments.local_build.python.interpreter import InterpreterTree


@pytest.fixture(scope="session")
def tree(cache: Path) -> InterpreterTree:
    """The copy of the Python of the tests, from the cache."""
    python = installed.examine(Path(sys.executable))
    return interpreter.cached_tree(python, cache / INTERPRETERS, find_programs(), Stop())


def test_another_copy_has_the_same_digest(tree: InterpreterTree, tmp_path: Path) -> None:
    other = interpreter.cached_tree(tree.python, tmp_path / "cache", find_programs(), Stop())
    assert other.folder != tree.folder
    assert other.digest == tree.digest
    assert interpreter.tree_digest(tree.folder, Stop()) == tree.digest


def test_a_copy_is_made_once(tree: InterpreterTree, cache: Path) -> None:
    before = sorted(cache.joinpath(INTERPRETERS).iterdir())
    again = interpreter.cached_tree(tree.python, cache / INTERPRETERS, find_programs(), Stop())
    assert again == tree
    assert sorted(cache.joinpath(INTERPRETERS).iterdir()) == before


def test_what_is_left_out(tree: InterpreterTree) -> None:
    names = {path.name for path in tree.folder.rglob("*")}
    assert not names & {"tkinter", "idlelib", "EXTERNALLY-MANAGED"}
    assert not [name for name in names if name.startswith(("_tkinter.", "_test"))]
    assert "libc.so.6" not in names


def test_a_node_with_other_libraries(tree: InterpreterTree, tmp_path: Path) -> None:
    """LD_LIBRARY_PATH, which Hadoop sets on some nodes, does not replace the copy's own."""
    (tmp_path / "libcrypto.so.3").write_bytes(b"not a library")
    (tmp_path / "libz.so.1").write_bytes(b"not a library")
    done = subprocess.run(
        [tree.program, "-c", "import ssl, zlib, sqlite3, ctypes, lzma, bz2"],
        env={"LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""


def test_a_cancelled_copy_leaves_nothing(tree: InterpreterTree, tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        interpreter.cached_tree(tree.python, tmp_path / "cache", find_programs(), stop)
    assert [*(tmp_path / "cache").iterdir()] == []


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("#!/bin/sh\necho no\n", "is not a Python: it printed 'no"),
        ("#!/bin/sh\nexit 3\n", "failed with exit code 3"),
    ],
)
def test_a_program_that_is_not_a_python(program: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text(program)
    path.chmod(0o755)
    with pytest.raises(BuildError, match=said):
        installed.examine(path)


@pytest.mark.parametrize(
    ("wanted", "version", "fits"),
    [
        ("", "3.12.1", True),
        ("3.12", "3.12.1", True),
        ("3.12", "3.13.0", False),
        ("3.1", "3.12.1", False),
        ("3.12.1", "3.12.1", True),
        ("3.12.1", "3.12.2", False),
        (">=3.11,<3.13", "3.12.9", True),
        (">=3.11,<3.13", "3.13.0", False),
    ],
)
def test_versions(wanted: str, version: str, fits: bool) -> None:
    assert matches(wanted, version) is fits


def runner(folder: Path, site: BuildSite) -> Runner:
    return Runner(Step.INTERPRETER, folder, site.variables(folder, folder / "cache"), 60)


def key_of(version: str) -> str:
    return f"cpython-{version}-linux-{platform.machine()}-gnu"


def python_list(
    folder: Path, tree: InterpreterTree, sha256: str = "", name: str = "python.tar.gz"
) -> str:
    """The URL of a list with the copy as its only Python."""
    archive = folder / name
    transform = "s,^[.],python,"
    command = ["tar", "-czf", str(archive), "--transform", transform, "-C", str(tree.folder), "."]
    subprocess.run(command, check=True, timeout=60)
    major, minor, patch = map(int, tree.python.version.split("."))
    entry = {
        "name": "cpython",
        "arch": {"family": platform.machine(), "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": archive.as_uri(),
        "variant": None,
        "build": None,
        "sha256": sha256 or hashlib.sha256(archive.read_bytes()).hexdigest(),
    }
    (folder / "list.json").write_text(json.dumps({key_of(tree.python.version): entry}))
    return (folder / "list.json").as_uri()


@pytest.mark.parametrize("program", PYTHONS)
async def test_each_python_of_the_machine_can_be_copied(program: str, tmp_path: Path) -> None:
    python = installed.examine(Path(program))
    site = BuildSite(python_folders=[str(python.executable.parent)])
    found = await find_python(
        python.version, site, find_programs(), runner(tmp_path, site), tmp_path / "pythons"
    )
    copied = installed.examine(found)
    assert copied.version == python.version
    copy = interpreter.cached_tree(copied, tmp_path / "copies", find_programs(), Stop())
    assert run(copy.folder, "import ssl, sys; print(sys.prefix)", tmp_path) == str(copy.folder)


async def test_a_python_of_the_list_of_the_site(tree: InterpreterTree, tmp_path: Path) -> None:
    site = BuildSite(python_list=python_list(tmp_path, tree))
    pythons = tmp_path / "pythons"
    uv = runner(tmp_path, site)
    warned = replace(uv, variables={**uv.variables, "UV_NATIVE_TLS": "1"})  # it is deprecated
    found = await find_python(tree.python.short_version, site, find_programs(), warned, pythons)
    assert found.is_relative_to(pythons)
    copy = interpreter.cached_tree(
        installed.examine(found), tmp_path / "copies", find_programs(), Stop()
    )
    assert copy.python.version == tree.python.version
    assert run(copy.folder, "import ssl, sys; print(sys.prefix)", tmp_path) == str(copy.folder)


async def test_a_python_with_another_hash_is_refused(tree: InterpreterTree, tmp_path: Path) -> None:
    site = BuildSite(python_list=python_list(tmp_path, tree, sha256="0" * 64))
    with pytest.raises(BuildError, match="Hash mismatch"):
        await find_python("", site, find_programs(), runner(tmp_path, site), tmp_path / "pythons")


async def test_what_was_installed_before_does_not_decide(
    tree: InterpreterTree, tmp_path: Path
) -> None:
    programs, pythons = find_programs(), tmp_path / "pythons"
    site = BuildSite(python_list=python_list(tmp_path, tree))

    async def found(wanted: str) -> Path:
        return await find_python(wanted, site, programs, runner(tmp_path, site), pythons)

    first = await found(">=3.9")
    assert await found(">=3.9") == first
    # The list has another build of the same version.
    python_list(tmp_path, tree, name="again.tar.gz")
    second = await found("")
    assert second != first
    # It has a newer version: as its hash is wrong, it is clear that this one was chosen.
    document = json.loads((tmp_path / "list.json").read_text())
    (entry,) = document.values()
    major, minor, patch = (int(entry[name]) for name in ("major", "minor", "patch"))
    for newer, changes in (
        (f"{major}.{minor}.{patch + 1}", {"patch": patch + 1, "sha256": "0" * 64}),
        (f"{major}.{minor}.{patch + 2}rc1", {"patch": patch + 2, "prerelease": "rc1"}),
        (
            f"{major}.{minor}.{patch + 3}+freethreaded",
            {"patch": patch + 3, "variant": "freethreaded"},
        ),
    ):
        document[key_of(newer)] = entry | changes
    (tmp_path / "list.json").write_text(json.dumps(document))
    with pytest.raises(BuildError, match=rf"(?s){major}\.{minor}\.{patch + 1}-.*Hash mismatch"):
        await found(tree.python.short_version)
    assert await found(tree.python.version) == second


async def test_a_version_that_the_list_does_not_have(tree: InterpreterTree, tmp_path: Path) -> None:
    site = BuildSite(python_list=python_list(tmp_path, tree))
    with pytest.raises(BuildError, match=r"3\.99"):
        await find_python(
            "3.99", site, find_programs(), runner(tmp_path, site), tmp_path / "pythons"
        )
